// Small comforts of forms: names to be typed before something is removed, and
// fields that send their form when they change.
export function startForms() {
  document.addEventListener("input", (event) => {
    const field = event.target.closest("[data-confirm-name]");
    if (!field) return;
    const button = field.form?.querySelector("button[type=submit]");
    if (button) button.disabled = field.value !== field.dataset.confirmName;
  });
  document.addEventListener("change", (event) => {
    const field = event.target.closest("[data-auto-submit]");
    if (field) field.form.requestSubmit();
  });
  // One menu at a time, and Escape closes it.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
