// What was typed outlives an expired session: it is kept in this tab when a form is sent, and offered again when the
// same page comes back without it. Passwords, files and the form's secrets are never kept.
const PREFIX = "typed:";
// Set by the sign-in page: what was sent before it was not taken.
const SIGNED_OUT = "signed-out";
const page = PREFIX + location.pathname;
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

// On the way through signing in and the page of what the server kept, nothing is thrown away.
if (!location.pathname.startsWith("/account/") && !location.pathname.startsWith("/desk/account/")) {
  Object.keys(sessionStorage)
    .filter((key) => key.startsWith(PREFIX) && !key.startsWith(page))
    .forEach((key) => sessionStorage.removeItem(key));
}

const keeps = (form) =>
  form.method === "post" &&
  !form.closest("header") &&
  !("kept" in form.dataset) &&
  !("stay" in form.dataset) &&
  form.querySelector("textarea, select, input:not([type=hidden], [type=password], [type=file])");

if (location.pathname.startsWith("/account/login/")) sessionStorage.setItem(SIGNED_OUT, "yes");
// A page that reports a success was reached by a form that was taken.
const taken = document.querySelector(".notices .notice-success") !== null;
const wasSignedOut = sessionStorage.getItem(SIGNED_OUT) === "yes" && "signedIn" in document.body.dataset;

[...document.querySelectorAll("form")].filter(keeps).forEach((form, position) => {
  const entry = `${page}#${position}`;
  form.addEventListener("submit", () => {
    sessionStorage.setItem(entry, typed(form));
    sessionStorage.removeItem(SIGNED_OUT);
  });
  const kept = sessionStorage.getItem(entry);
  if (!kept) return;
  const guarded = "guard" in form.dataset || "autosave" in form.dataset;
  if (taken || kept === typed(form) || !(wasSignedOut || guarded)) {
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
