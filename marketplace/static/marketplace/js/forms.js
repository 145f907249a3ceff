// Leave-page guard, focus on the error summary, one submit per click, dependent fields, text counters.
document.getElementById("error-summary")?.focus();

document.querySelectorAll("form[data-guard], form[data-autosave]").forEach((form) => {
  form.addEventListener("input", () => {
    form.dataset.changed = "";
  });
  form.addEventListener("submit", () => {
    delete form.dataset.changed;
  });
});

window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-changed]")) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.submitted === "true") {
    event.preventDefault();
    return;
  }
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  form.dataset.submitted = "true";
  setTimeout(() => {
    delete form.dataset.submitted;
  }, 4000);
});

// data-shown-when="name=value" on an element: shown only while that field has that value.
document.querySelectorAll("[data-shown-when]").forEach((element) => {
  const [name, wanted] = element.dataset.shownWhen.split("=");
  const form = element.closest("form");
  const update = () => {
    const values = new FormData(form).getAll(name);
    element.hidden = wanted ? !wanted.split(",").some((value) => values.includes(value)) : values.length === 0;
  };
  form.addEventListener("change", update);
  update();
});

// data-filter-list="id": a text field that narrows the options of a long list.
document.querySelectorAll("[data-narrows]").forEach((input) => {
  const select = document.getElementById(input.dataset.narrows);
  if (!select) return;
  const options = [...select.options];
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    options.forEach((option) => {
      option.hidden = wanted !== "" && !option.text.toLowerCase().includes(wanted) && !option.selected;
    });
  });
});
