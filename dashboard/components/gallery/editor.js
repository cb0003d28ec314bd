// The field in which the right caption is written; Enter saves, Escape leaves all as it was.
const MAX_CAPTION_CHARACTERS = 10_000;

function captionEditor({ label, text, save, leave }) {
  const editor = element("div", "editor"), area = element("textarea"), row = element("div");
  const words = element("label", null, label);
  area.setAttribute("aria-label", label);
  area.maxLength = MAX_CAPTION_CHARACTERS;
  area.value = text;
  area.dir = "auto";
  const done = () => {
    const written = area.value.trim();
    if (!written) { area.focus(); return; }
    editor.remove();
    save(written);
  };
  const close = () => { editor.remove(); leave(); };
  const saveButton = element("button", "save", "Save"), cancel = element("button", null, "Cancel");
  saveButton.type = cancel.type = "button";
  saveButton.addEventListener("click", done);
  cancel.addEventListener("click", close);
  editor.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return; // Enter that ends the writing of a character does not save
    if (event.key === "Escape") { event.preventDefault(); close(); }
    if (event.key === "Enter" && !event.shiftKey && event.target === area) { event.preventDefault(); done(); }
  });
  row.append(saveButton, cancel);
  editor.append(words, area, row);
  return { editor, begin: () => { area.focus(); area.select(); } };
}
