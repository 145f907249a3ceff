/** Elements of the page language (marketplace/templates, /styleguide/), made by script. Text is text, never markup. */
const ICONS = {
  info: ["M12 11v5", "M12 8h.01"],
  success: ["m8 12.5 2.7 2.7L16 9.5"],
  danger: ["m9 9 6 6m0-6-6 6"],
  warning: ["M12 4 2.8 20h18.4z", "M12 10v5", "M12 17.5h.01"],
};
const SVG = "http://www.w3.org/2000/svg";

function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  if (name !== "warning") {
    const circle = document.createElementNS(SVG, "circle");
    Object.entries({ cx: 12, cy: 12, r: 9 }).forEach(([key, value]) => circle.setAttribute(key, value));
    drawing.append(circle);
  }
  ICONS[name].forEach((line) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    drawing.append(path);
  });
  return drawing;
}

/** `element("a", {href, class, onclick}, "text", child)`: functions are listeners, true/false set or leave out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (name === "value" && "value" in made) made.value = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const paragraph = (text, classes) => element("p", { class: classes }, text);

export const notice = (kind, ...children) =>
  element(
    "div",
    { class: kind === "info" ? "notice" : `notice notice-${kind}`, role: kind === "danger" ? "alert" : "status" },
    icon(kind),
    element("div", {}, ...children),
  );

export const badge = (text, tone = "") => element("span", { class: tone ? `badge badge-${tone}` : "badge" }, text);

export const button = (text, onclick, { kind = "", type = "button", ...more } = {}) =>
  element("button", { type, class: kind ? `button button-${kind}` : "button", onclick, ...more }, text);

export const list = (texts) => element("ul", {}, texts.map((text) => element("li", {}, text)));

/** A refusal or another error as a notice, in words. */
export function failure(error, before = "") {
  const sentences = error.sentences ?? [error.message];
  return notice(
    "danger",
    before ? element("strong", {}, before) : null,
    sentences.length > 1 ? list(sentences) : element("p", {}, sentences[0]),
    error.code === "step_up" || error.code === "signed_out"
      ? element("p", {}, element("a", { href: reauthentication() }, "重新验证身份，然后回到本页"))
      : null,
  );
}

export const reauthentication = () => `/account/reauthenticate/?next=${encodeURIComponent(location.pathname)}`;

let counter = 0;
/** Label, help, error and control, tied together. `control` is an element or `{multiline, type, …attributes}`. */
export function field({ label, help = "", optional = false, control, onInput, value = "", problem = "" }) {
  counter += 1;
  const id = `f${counter}`;
  const { multiline, ...attributes } = control ?? {};
  const input = element(multiline ? "textarea" : "input", {
    id,
    ...(multiline ? { rows: 5 } : { type: "text" }),
    autocomplete: "off",
    value,
    ...attributes,
  });
  const helper = help ? element("div", { class: "field-help", id: `${id}_help` }, help) : null;
  const error = element("p", { class: "field-error", id: `${id}_error`, hidden: true });
  const frame = element(
    "div",
    { class: "field" },
    element("label", { for: id }, label, optional ? element("span", { class: "field-optional" }, "选填") : null),
    helper,
    error,
    input,
  );
  const say = (text) => {
    error.textContent = text;
    error.hidden = !text;
    frame.classList.toggle("field-invalid", Boolean(text));
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    const described = [helper?.id, text ? error.id : null].filter(Boolean).join(" ");
    if (described) input.setAttribute("aria-describedby", described);
    else input.removeAttribute("aria-describedby");
  };
  say(problem);
  if (onInput) input.addEventListener("input", () => onInput(input.value, say));
  return Object.assign(frame, { input, say });
}

/** A named progress bar: `bar.set(done, total, text)`. */
export function progress(label) {
  const words = element("span", {}, "");
  const bar = element("progress", { max: 1, "aria-label": label });
  bar.value = 0;
  const frame = element("div", { class: "progress" }, element("div", { class: "progress-label" }, element("span", {}, label), words), bar);
  frame.set = (done, total, text) => {
    bar.max = Math.max(1, total);
    bar.value = done;
    words.textContent = text ?? `${Math.floor((100 * done) / Math.max(1, total))}%`;
  };
  return frame;
}

export function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} 字节`;
  if (bytes < 1 << 20) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / (1 << 20)).toFixed(1)} MB`;
}

/** The JSON the server put into the page. */
export const pageData = (id = "page-data") => JSON.parse(document.getElementById(id).textContent);

/** The JSON value of a chosen file; an Error in words otherwise. */
export async function readJson(file, what) {
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error(`“${file.name}”不是${what}，请重新选择。`);
  }
}

/** Why this browser cannot encrypt, or null. */
export function browserTrouble() {
  if (globalThis.crypto?.subtle && globalThis.crypto.randomUUID && globalThis.indexedDB) return null;
  return notice(
    "danger",
    element("strong", {}, "浏览器不能加密。"),
    element(
      "p",
      {},
      window.isSecureContext === false
        ? "当前地址不是 HTTPS，浏览器关闭了加密功能。请改用 https:// 开头的地址。"
        : "浏览器版本过旧。请更新浏览器（或使用 360、UOS 浏览器的最新版），或按下方说明用命令行工具办理。",
    ),
  );
}

/** Repeats of one letter and short phrases are easily guessed; a sentence is not. Words for the person typing. */
export function passphraseHint(passphrase, shortest) {
  const characters = [...passphrase];
  if (characters.length === 0) return "";
  if (characters.length < shortest) return `还差 ${shortest - characters.length} 个字符。`;
  if (new Set(characters).size < 7) return "重复的字符太多，容易被猜到，请换一句。";
  if (/^\d+$/.test(passphrase)) return "只有数字，容易被猜到，请加上文字。";
  return characters.length >= 18 || /[\u4e00-\u9fff]/.test(passphrase) ? "强度：好。" : "强度：可以；再长一些更好。";
}

/** Two fields for a new passphrase; `.read()` gives it, or null after saying what is wrong. */
export function newPassphrase({ label, help, shortest }) {
  const hint = element("p", { class: "quiet small", "aria-live": "polite" });
  const first = field({
    label,
    help,
    control: { type: "password", autocomplete: "new-password" },
    onInput: (value, say) => {
      say("");
      hint.textContent = passphraseHint(value, shortest);
    },
  });
  const second = field({
    label: "再输入一次",
    control: { type: "password", autocomplete: "new-password" },
    onInput: (_value, say) => say(""),
  });
  const frame = element("div", { class: "stack-small" }, first, hint, second);
  frame.read = () => {
    const value = first.input.value;
    if ([...value].length < shortest) {
      first.say(`口令过短：至少 ${shortest} 个字符。`);
      first.input.focus();
      return null;
    }
    if (second.input.value !== value) {
      second.say("两次输入的口令不一致。");
      second.input.focus();
      return null;
    }
    return value;
  };
  return frame;
}
