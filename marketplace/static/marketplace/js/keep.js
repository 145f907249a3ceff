// What was typed outlives an expired session: it is kept in this tab when a form is sent, and offered again when the
// same page comes back without it. Passwords, files and the form's secrets are never kept.
const PREFIX = "typed:";
const entry = PREFIX + location.pathname;
const secret = (name) => name === "csrfmiddlewaretoken" || name === "version" || name.includes("password");

const typed = (form) =>
  JSON.stringify([...new FormData(form)].filter(([name, value]) => typeof value === "string" && !secret(name)));

function fill(form, pairs) {
  const given = new Map();
  pairs.forEach(([name, value]) => given.set(name, [...(given.get(name) ?? []), value]));
  [...form.elements].forEach((field) => {
    if (!field.name || secret(field.name) || ["file", "hidden", "submit", "button"].includes(field.type)) return;
    const values = given.get(field.name) ?? [];
    if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
    else if (field.multiple) [...field.options].forEach((option) => { option.selected = values.includes(option.value); });
    else if (values.length) field.value = values.shift();
  });
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

if (!location.pathname.startsWith("/account/")) {
  Object.keys(sessionStorage)
    .filter((key) => key.startsWith(PREFIX) && key !== entry)
    .forEach((key) => sessionStorage.removeItem(key));
}

document.querySelectorAll("form[data-guard], form[data-autosave]").forEach((form) => {
  form.addEventListener("submit", () => sessionStorage.setItem(entry, typed(form)));
  const kept = sessionStorage.getItem(entry);
  if (!kept) return;
  if (kept === typed(form)) {
    sessionStorage.removeItem(entry);
    return;
  }
  const notice = document.createElement("div");
  notice.className = "notice notice-warning kept-words";
  notice.setAttribute("role", "status");
  const text = document.createElement("div");
  text.textContent = "上次提交没有成功（可能登录已过期），当时填写的内容还在。";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-small";
  button.textContent = "恢复填写的内容";
  button.addEventListener("click", () => {
    fill(form, JSON.parse(kept));
    sessionStorage.removeItem(entry);
    notice.remove();
  });
  notice.append(text, button);
  form.before(notice);
});
