// Test predictions as cards. Labels and captions are strangers' text: only ever set through textContent.
const SAYS = { right: "It should find", picked: "The model picks" };

function picture(url) {
  const frame = element("span", "frame");
  const absent = () => frame.replaceChildren(element("span", "absent", "Picture not available"));
  if (!PICTURE.test(url)) { absent(); return frame; }
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.addEventListener("error", absent, { once: true });
  image.src = url;
  frame.append(image);
  return frame;
}

function card(data) {
  const made = element("button", `card${data.correct ? " correct" : ""}${data.sides.length > 1 ? " two" : ""}`);
  made.type = "button";
  made.tabIndex = -1;
  made.dataset.query = data.query_id;
  const sides = element("span", "sides");
  for (const side of data.sides) {
    const shown = element("span", `side ${side.says}`);
    shown.append(picture(side.url));
    if (side.says) shown.append(element("span", "says", SAYS[side.says]));
    const text = element("span", "text", side.text);
    text.title = side.text;
    shown.append(text);
    sides.append(shown);
  }
  made.append(sides);
  if (data.said !== null) {
    const said = element("span", "taken");
    said.append(element("span", "soft", data.correct ? "was taken for " : "taken for "), element("b", null, data.said));
    made.append(said);
  }
  made.append(element("span", "badge", data.badge));
  return made;
}

class Cards {
  constructor(root) {
    this.root = root;
    this.host = root.querySelector(".predictions");
    this.list = element("ul");
    this.host.replaceChildren(this.list);
    this.host.addEventListener("keydown", (event) => this.key(event));
    this.at = null;
  }

  update(component) {
    this.component = component;
    const shown = JSON.stringify(component.data.cards);
    if (shown === this.shown) return;
    this.shown = shown;
    const held = this.list.contains(this.root.activeElement);
    this.cards = component.data.cards.map((data) => {
      const made = card(data);
      made.addEventListener("click", () => this.component.setTriggerValue("opened", data.query_id));
      made.addEventListener("focus", () => this.reach(made));
      return made;
    });
    this.list.classList.toggle("wide", component.data.cards.some((data) => data.sides.length > 1));
    this.list.replaceChildren(...this.cards.map((made) => { const line = element("li"); line.append(made); return line; }));
    const first = this.cards.find((made) => made.dataset.query === this.at) || this.cards[0];
    if (first) this.reach(first);
    if (held && first) first.focus({ preventScroll: true });
  }

  reach(made) {
    this.at = made.dataset.query;
    for (const one of this.cards) one.tabIndex = one === made ? 0 : -1;
  }

  key(event) {
    const at = this.cards.indexOf(event.composedPath()[0]), last = this.cards.length - 1;
    const columns = getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = this.cards[Math.max(0, Math.min(last, to))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    event.preventDefault();
    event.stopPropagation();
  }
}

export default function (component) {
  instanceOf(component, (root) => new Cards(root)).update(component);
}
