// What each key does, in one table for the help and one function for the hands.
const KEYS = [
  ["Decide", [
    ["K or 1", "keep"], ["D or 2", "drop"], ["L or 3", "relabel: write the right caption"], ["U or 4", "unsure"],
    ["Z or ⌫", "undo the last act"], ["Q", "send to the review queue", "queues"],
  ]],
  ["Look", [
    ["← ↑ → ↓", "move"], ["Home End", "first, last"], ["Space", "look closer"], ["Enter", "open the pair"],
    ["PgUp PgDn", "turn the page", "turns"], ["/", "search"], ["+ −", "larger, smaller tiles"],
  ]],
  ["Select several", [
    ["X", "select or not"], ["Shift+arrows", "extend"], ["Ctrl+A", "all on this page"], ["Esc", "clear"],
  ]],
];

function verdictOf(name) {
  const at = ["1", "2", "3", "4"].indexOf(name);
  const found = at >= 0 ? VERDICTS[at] : VERDICTS.find(([, , key]) => key.toLowerCase() === name);
  return found ? found[0] : null;
}

function isUndo(name, event) {
  return event.ctrlKey || event.metaKey ? name === "z" : name === "z" || name === "backspace";
}

class Help {
  constructor(host, closed) {
    this.dialog = element("dialog", "help");
    this.dialog.setAttribute("aria-label", "Keys");
    this.dialog.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", closed);
    host.append(this.dialog);
  }

  get isOpen() { return this.dialog.open; }

  show(data) {
    const groups = element("div", "groups");
    for (const [title, keys] of KEYS) {
      const group = element("section"), list = element("dl");
      for (const [key, what, needs] of keys) {
        if (!needs || data[needs]) list.append(element("dt", null, key), element("dd", null, what));
      }
      group.append(element("h4", null, title), list);
      groups.append(group);
    }
    const note = element("p", null, "With several selected, a verdict decides all of them; one undo takes all back.");
    this.dialog.replaceChildren(element("h3", null, "Keys"), groups, note);
    this.dialog.showModal();
  }

  key(name) {
    if (["escape", "?", "enter", " "].includes(name)) this.dialog.close();
    return true; // nobody decides what lies under the help
  }
}

// Where the page is searched: the first visible search field.
function searchField() {
  const fields = document.querySelectorAll('[data-testid="stMain"] input[type="search"]');
  return [...fields].find((field) => field.offsetParent !== null) || null;
}

// Whether the key was one of the grid's.
function gridKey(gallery, name, event) {
  const { data, selection } = gallery, isChord = event.ctrlKey || event.metaKey, order = gallery.order();
  const steps = { arrowleft: -1, arrowright: 1, arrowup: -gallery.columns(), arrowdown: gallery.columns() };
  const onButton = event.composedPath()[0].closest?.("button:not(.frame)");
  if (data.decide && isUndo(name, event)) { if (!event.repeat) gallery.undo(); return true; }
  if (data.decide && isChord && name === "a") { selection.set(order, order[0]); return true; }
  if (isChord || event.altKey) return false;
  const verdict = data.decide && verdictOf(name);
  if (verdict) { if (!event.repeat) gallery.chooseByKey(verdict); } // a key held down decides once
  else if (name in steps) gallery.move(steps[name], event.shiftKey);
  else if (name === "home") gallery.move(-order.length, event.shiftKey);
  else if (name === "end") gallery.move(order.length, event.shiftKey);
  else if (name === "enter" && !onButton) { if (!event.repeat) gallery.open(gallery.focused); }
  else if (name === " " && !onButton) { if (!event.repeat) gallery.zoom.show(gallery.focused); }
  else if (["pageup", "pagedown"].includes(name) && data.turns) gallery.turn.start(name === "pageup" ? -1 : 1);
  else if (["+", "=", "-", "−"].includes(name)) gallery.resize("+=".includes(name) ? 1 : -1);
  else if (name === "/") { const field = searchField(); if (!field) return false; field.focus(); field.select(); }
  else if (!data.decide) return false;
  else if (name === "q" && data.queues) { if (!event.repeat) gallery.sendToReview(gallery.chosen(), true); }
  else if (name === "x") selection.toggle(gallery.focused);
  else if (name === "escape" && selection.size) selection.clear();
  else if (name === "?") gallery.help.show(data);
  else return false;
  return true;
}

function onKey(gallery, event) {
  const name = event.key.toLowerCase();
  const over = [gallery.help, gallery.zoom].find((one) => one.isOpen);
  const onButton = event.composedPath()[0].closest?.("dialog button");
  if (over && onButton && ["enter", " "].includes(name)) { event.stopPropagation(); return; }
  const isTaken = over ? over.key(name, event) : gridKey(gallery, name, event);
  if (isTaken) event.preventDefault();
  if (isTaken || over) event.stopPropagation();
}
