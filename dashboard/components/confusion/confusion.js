// Which classes are taken for which. Class names are strangers' text: only ever set through textContent.
const FEW = 12; // classes of the matrix until all are asked for
const STRONG = 0.6; // share of the largest count from which a cell is painted fully
const OFTEN = 3; // pictures from which a confusion is no accident any more
const ANY = "";

function button(className, text, act) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

const times = (count) => (count === 1 ? "once" : count === 2 ? "twice" : `${count} times`);

class Confusion {
  constructor(root) {
    this.host = root.querySelector(".confusion");
    this.all = false;
    this.at = null; // the cell that Tab reaches: [true, said] by name
    this.frequent = element("div", "frequent");
    this.tools = element("div", "tools");
    this.scroll = element("div", "scroll");
    this.note = element("div", "note");
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.matrix = element("div", "matrix");
    this.matrix.append(this.scroll, this.note);
    this.host.replaceChildren(this.frequent, this.tools, this.matrix, this.said);
    this.toggle = button("plain", "", () => { this.open = !this.open; this.draw(); });
    this.more = button("plain", "", () => { this.all = !this.all; this.draw(); });
    this.tools.append(this.toggle, this.more);
    this.scroll.addEventListener("keydown", (event) => this.key(event));
  }

  update(component) {
    this.component = component;
    const shown = JSON.stringify(component.data);
    if (shown === this.shown) return;
    const isNew = this.shown === undefined;
    this.shown = shown;
    this.data = component.data;
    this.chosen = this.data.chosen.map((name) => name ?? ANY);
    if (isNew) this.open = !this.chosen.some(Boolean); // an address with a choice shows its list first
    this.draw();
  }

  isChosen(name, said) { return this.chosen[0] === name && this.chosen[1] === said; }

  choose(name, said, opensList) {
    const next = this.isChosen(name, said) ? [ANY, ANY] : [name, said];
    this.chosen = next;
    this.said.textContent = next[0] ? `Listed: ${name} taken for ${said}.` : "All mistakes are listed.";
    if (opensList && next[0]) this.open = false;
    this.draw();
    this.component.setTriggerValue("chosen", next);
  }

  draw() {
    const active = this.host.getRootNode().activeElement;
    const held = active && this.scroll.contains(active);
    this.drawFrequent(active);
    const { classes, num_classes } = this.data, few = Math.min(FEW, classes.length);
    this.toggle.textContent = this.open ? "Hide the matrix" : "Show the matrix of all classes";
    this.toggle.setAttribute("aria-expanded", String(this.open));
    this.more.hidden = !this.open || classes.length <= FEW;
    this.more.textContent = this.all ? `Only the ${few} with most mistakes` : `All ${classes.length} classes`;
    this.matrix.hidden = !this.open;
    if (!this.open) return;
    const number = this.all ? classes.length : few;
    this.note.replaceChildren(...[
      number < num_classes ? `The ${number} of ${num_classes} classes with most mistakes.` : null,
      "Rows: what it is. Columns: what the model says.", "Orange: taken for another class, the stronger the more often. Grey: named right.",
      "Click a number to list its pictures. Arrow keys walk, Enter lists, Esc lists all.",
    ].filter(Boolean).map((text) => element("p", null, text)));
    this.drawTable(number);
    if (held) this.focus();
  }

  drawFrequent(active) {
    const { classes, counts, frequent } = this.data, held = active && active.dataset && active.dataset.at;
    this.frequent.replaceChildren();
    this.frequent.hidden = frequent.length === 0;
    if (frequent.length) this.frequent.append(element("span", "title", "Most often confused"));
    for (const at of frequent) {
      const [row, column, count] = counts[at], name = classes[row].name, said = classes[column].name;
      const chip = button("chip", null, () => this.choose(name, said, true));
      chip.append(element("b", null, name), document.createTextNode(" is taken for "), element("b", null, said), element("span", "count", times(count)));
      chip.setAttribute("aria-pressed", String(this.isChosen(name, said)));
      chip.dataset.at = String(at);
      this.frequent.append(chip);
      if (held === chip.dataset.at) chip.focus();
    }
    if (this.chosen.some(Boolean)) this.frequent.append(button("plain", "× All mistakes", () => this.choose(...this.chosen)));
  }

  drawTable(number) {
    const { classes, counts } = this.data;
    const order = classes.slice(0, number).map((one, at) => at).sort((a, b) => classes[a].name.localeCompare(classes[b].name));
    const found = new Map(counts.map(([row, column, count]) => [`${row},${column}`, count]));
    const largest = Math.max(1, ...counts.map(([row, column, count]) => (row === column ? 0 : count)));
    const table = element("table"), head = element("tr");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", "Confusion matrix: true class by what the model says");
    const corner = element("th", "corner");
    corner.append(element("span", "down", "it is"), element("span", "right", "the model says"));
    head.append(corner);
    for (const column of order) {
      const cell = element("th", "column");
      cell.scope = "col";
      cell.append(element("span", null, classes[column].name));
      cell.title = classes[column].name;
      head.append(cell);
    }
    table.append(head);
    this.cells = order.map((row) => {
      const line = element("tr"), label = element("th", "row", classes[row].name);
      label.scope = "row";
      label.title = classes[row].name;
      line.append(label);
      const made = order.map((column) => {
        const cell = element("td"), count = found.get(`${row},${column}`) || 0;
        cell.setAttribute("role", "gridcell");
        cell.append(this.cell(classes[row], classes[column], count, largest));
        line.append(cell);
        return cell.firstChild;
      });
      table.append(line);
      return made;
    });
    this.scroll.replaceChildren(table);
    const reachable = this.cells.flat().find((one) => this.at && one.names[0] === this.at[0] && one.names[1] === this.at[1]);
    const first = reachable || this.cells.flat().reduce((best, one) => (one.strength > best.strength ? one : best));
    first.tabIndex = 0;
    this.at = first.names;
  }

  cell(truth, said, count, largest) {
    const right = truth.name === said.name, share = count / largest;
    const made = button(right ? "right" : count ? "wrong" : "none", count ? String(count) : "·", () => {
      this.at = [truth.name, said.name];
      if (count) this.choose(truth.name, said.name, false);
    });
    made.tabIndex = -1;
    made.names = [truth.name, said.name];
    made.strength = right ? 0 : share;
    made.classList.toggle("often", !right && count >= OFTEN);
    made.setAttribute("aria-pressed", String(this.isChosen(truth.name, said.name)));
    if (!count) made.setAttribute("aria-disabled", "true");
    made.setAttribute("aria-label", right
      ? `${truth.name}: ${count} of ${truth.pictures} named right`
      : `${truth.name} taken for ${said.name}: ${count} of ${truth.pictures}`);
    made.title = made.getAttribute("aria-label");
    if (!right && count) {
      made.classList.toggle("strong", share >= STRONG);
      made.style.setProperty("--share", `${Math.round(12 + 50 * share ** 0.7)}%`);
    }
    return made;
  }

  focus() {
    const found = this.cells.flat().find((one) => one.tabIndex === 0);
    if (found) { found.focus({ preventScroll: true }); found.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }

  key(event) {
    const inCell = event.composedPath()[0];
    const row = this.cells.findIndex((line) => line.includes(inCell));
    if (row < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const column = this.cells[row].indexOf(inCell), last = this.cells.length - 1;
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, last], PageUp: [0, column], PageDown: [last, column],
    }[event.key];
    if (event.key === "Escape" && this.chosen.some(Boolean)) this.choose(...this.chosen, false);
    else if (to) {
      const next = this.cells[Math.max(0, Math.min(last, to[0]))][Math.max(0, Math.min(last, to[1]))];
      inCell.tabIndex = -1;
      next.tabIndex = 0;
      this.at = next.names;
      this.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export default function (component) {
  instanceOf(component, (root) => new Confusion(root)).update(component);
}
