/**
 * The form of both manifests of a bid: challenges/sealing/bid_schema.json, the same table and the same words as
 * challenges/sealing/bid_schema.py, which judges the opened manifest. Both run tests/challenges/bid_schema_cases.json.
 */
import TABLE from "../../sealing/bid_schema.json" with { type: "json" };

const MOST_FAULTS = 20;
const TYPE_WORDS = { object: "应为一组字段。", array: "应为列表。", string: "应为文字。", integer: "应为整数。" };
const TYPES = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
};

const own = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
const ruleOf = (rule) => (rule.$ref ? { ...TABLE.$defs[rule.$ref.split("/").at(-1)], ...rule } : rule);
const fault = (code, places, field, words) => ({
  code,
  field,
  message: places.length ? `“${places.join("”“")}”${words}` : words,
});

/** What keeps `manifest` from being one of `kind` ("technical" or "price"): `[{code, field, message}]`. */
export function manifestFaults(kind, manifest) {
  const found = [];
  for (const one of faults(ruleOf({ $ref: `#/$defs/${kind}` }), manifest, [], "")) {
    found.push(one);
    if (found.length === MOST_FAULTS) break;
  }
  return found;
}

function* faults(rule, value, places, field) {
  if (!TYPES[rule.type](value)) yield fault("type", places, field, TYPE_WORDS[rule.type]);
  else if (rule.type === "object") yield* objectFaults(rule, value, places, field);
  else if (rule.type === "array") {
    if (value.length > rule.maxItems) {
      yield fault("too_many", places, field, `最多 ${rule.maxItems} 项。`);
      return;
    }
    for (const [index, element] of value.entries()) {
      yield* faults(ruleOf(rule.items), element, [...places, `第 ${index + 1} 项`], field);
    }
  } else if (rule.type === "string") yield* textFaults(rule, value, places, field);
  else if (value < rule.minimum || value > rule.maximum) {
    yield fault("out_of_range", places, field, `应在 ${rule.minimum} 到 ${rule.maximum} 之间。`);
  }
}

function* objectFaults(rule, value, places, field) {
  const entries = Object.entries(value);
  if (entries.length > (rule.maxProperties ?? entries.length)) {
    yield fault("too_many", places, field, `最多 ${rule.maxProperties} 项。`);
    return;
  }
  const named = rule.properties ?? {};
  const patterns = Object.entries(rule.patternProperties ?? {});
  for (const name of rule.required ?? []) {
    if (!own(value, name)) yield fault("missing", [...places, named[name].title], field || name, "没有填写。");
  }
  let unknown = false;
  for (const [name, element] of entries) {
    if (own(named, name)) {
      yield* faults(ruleOf(named[name]), element, [...places, named[name].title], field || name);
      continue;
    }
    const fitting = patterns.find(([text]) => new RegExp(text, "u").test(name));
    if (fitting) yield* faults(ruleOf(fitting[1]), element, [...places, `第 ${name} 项`], field);
    else unknown = true;
  }
  if (unknown) yield fault("unknown_field", places, field, "含有没有规定的字段。");
}

function* textFaults(rule, value, places, field) {
  if (rule.enum && !rule.enum.includes(value)) yield fault("not_an_option", places, field, "不是规定的选项。");
  if ([...value].length > (rule.maxLength ?? Infinity)) {
    yield fault("too_long", places, field, `不得超过 ${rule.maxLength} 字。`);
  } else if (rule.pattern && !new RegExp(rule.pattern, "u").test(value)) {
    yield fault("control_characters", places, field, "含有控制字符或无法显示的字符。");
  }
}
