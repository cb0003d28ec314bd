// What undo takes back: every act is the pairs it decided, one or several, and is taken back as a whole.
const MOST_ACTS = 500;
const actsOf = new Map(); // component key → its acts: they outlive a turn of the page

class Acts {
  constructor(key) {
    if (!actsOf.has(key)) actsOf.set(key, []);
    this.all = actsOf.get(key);
  }

  add(ids) {
    this.all.push([...ids]);
    if (this.all.length > MOST_ACTS) this.all.shift();
  }

  // The pairs of the latest act that `stands(id)` says are still decided; null when there is no such act.
  takeLast(stands) {
    while (this.all.length) {
      const ids = this.all.pop().filter(stands);
      if (ids.length) return ids;
    }
    return null;
  }
}
