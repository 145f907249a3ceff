/**
 * One byte form for one JSON value (docs/sealing.md §6): the same subset of RFC 8785 as challenges/sealing/canonical.py.
 */
import { utf8 } from "./encoding.js";
import { malformed } from "./errors.js";

const DEEPEST_NESTING = 32;
const NOT_ASCII = /[^\x00-\x7F]/;

function text(value, depth) {
  if (depth > DEEPEST_NESTING) throw malformed("JSON 内容嵌套过深。");
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw malformed("JSON 内容中只能有可精确表示的整数。");
    }
    return String(value);
  }
  if (typeof value === "string") {
    try {
      encodeURIComponent(value); // throws for a lone surrogate, which UTF-8 cannot carry
    } catch {
      throw malformed("JSON 内容中含有无法编码的字符。");
    }
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((element) => text(element, depth + 1)).join(",")}]`;
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const names = Object.keys(value).sort();
    if (names.some((name) => NOT_ASCII.test(name))) throw malformed("JSON 内容的字段名必须是 ASCII 字符串。");
    return `{${names.map((name) => `${JSON.stringify(name)}:${text(value[name], depth + 1)}`).join(",")}}`;
  }
  throw malformed("JSON 内容只能包含对象、数组、字符串、整数、布尔值和空值。");
}

/** UTF-8 bytes of the canonical form; throws SealingError "malformed". */
export const canonical = (value) => utf8(text(value, 0));
