// Which pairs are selected, by id, and the bar that decides them all at once.
class Selection {
  constructor(changed) {
    this.ids = new Set();
    this.anchor = null; // where a range starts
    this.before = new Set(); // what was selected when the range was started
    this.changed = changed;
  }

  get size() { return this.ids.size; }

  has(id) { return this.ids.has(id); }

  set(ids, anchor) {
    this.ids = new Set(ids);
    this.anchor = anchor;
    this.before = new Set(ids);
    this.changed();
  }

  toggle(id) {
    const ids = new Set(this.ids);
    if (!ids.delete(id)) ids.add(id);
    this.set(ids, id);
  }

  // From the anchor, or else from `from`, to `to`; a range that is pulled back gives up what it had taken.
  extend(order, from, to) {
    if (!order.includes(this.anchor)) { this.anchor = from; this.before = new Set(this.ids); }
    const [first, last] = [order.indexOf(this.anchor), order.indexOf(to)].sort((a, b) => a - b);
    this.ids = new Set([...this.before, ...order.slice(first, last + 1)]);
    this.changed();
  }

  clear() { if (this.size) this.set([], null); else this.anchor = null; }

  // Pairs that left the page are not selected any more.
  keep(order) {
    const here = new Set(order), kept = [...this.ids].filter((id) => here.has(id));
    if (kept.length !== this.size) this.set(kept, null);
  }
}

class SelectionBar {
  // `hands`: choose(verdict), queue(), clear().
  constructor(hands) {
    this.node = element("div", "selection");
    this.node.setAttribute("role", "toolbar");
    this.node.setAttribute("aria-label", "Selected pairs");
    this.count = element("span", "count");
    const row = element("span", "choices");
    for (const [verdict, word, key] of VERDICTS) {
      row.append(button(verdict, `${word} all selected`, { symbol: verdict, key, word, press: () => hands.choose(verdict) }));
    }
    this.queue = button("queue", "Send all selected to the review queue", { symbol: "queue", key: "Q", word: "Review", press: hands.queue });
    row.append(this.queue);
    this.place = element("div", "place");
    const line = element("div", "line");
    line.append(this.count, row, button("clear", "Clear the selection", { key: "Esc", word: "Clear", press: hands.clear }));
    this.node.append(this.place, line);
    this.node.hidden = true;
  }

  paint(number, numOnPage, mayQueue) {
    this.node.hidden = number === 0;
    this.count.textContent = number === numOnPage ? `All ${number} on this page` : `${number} selected`;
    this.queue.hidden = !mayQueue;
    if (number === 0) this.place.replaceChildren();
  }
}
