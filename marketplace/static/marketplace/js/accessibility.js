// 大字 / 高对比 / 减少动画 take effect at once; without this script the same form posts and the page returns.
const attributes = { text: ["data-text", "large"], contrast: ["data-contrast", "high"], motion: ["data-motion", "reduced"] };

document.querySelector("[data-accessibility]")?.addEventListener("submit", (event) => {
  const button = event.submitter;
  const setting = attributes[button?.value];
  if (!setting) return;
  event.preventDefault();
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  if (pressed) document.documentElement.setAttribute(setting[0], setting[1]);
  else document.documentElement.removeAttribute(setting[0]);
  const body = new FormData(event.target);
  body.set("option", button.value);
  fetch(event.target.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
});
