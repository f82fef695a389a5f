/**
 * Totals of call chains.
 *
 * @module
 */

/** Parent of the outermost nodes. */
export const NO_NODE = -1;

const INITIAL_CAPACITY = 1024;

/**
 * A tree of the distinct call chains. The parent of a node is its caller. Frames are indices,
 * whose meaning the class's user defines.
 *
 *     main ─┬─ f ─── g        A chain needs one node more than the chain without its last
 *           └─ g              frame. Callers have smaller indices than their callees.
 *
 * Memory grows only with the distinct chains, by 28 bytes a node: columns are typed arrays,
 * and one hash table with open addressing finds the node of a caller and a frame.
 */
export class CallTree {
  /** Caller and frame of each node, adjacent in memory. */
  #links = new Int32Array(2 * INITIAL_CAPACITY);
  #weights = new Float64Array(INITIAL_CAPACITY);
  /** Nodes plus one by the hash of caller and frame; 0 is free. */
  #slots = new Int32Array(2 * INITIAL_CAPACITY);
  #size = 0;

  /** Number of nodes. */
  get size(): number {
    return this.#size;
  }

  /** Returns the caller of a node, or `NO_NODE`. */
  parentOf(node: number): number {
    return this.#links[2 * node];
  }

  /** Returns the frame of a node. */
  frameOf(node: number): number {
    return this.#links[2 * node + 1];
  }

  /** Returns the weight of the chain that ends at a node, without its callees. */
  selfOf(node: number): number {
    return this.#weights[node];
  }

  /** Returns the node of a frame that `parent` calls, and creates it if it does not exist. */
  child(parent: number, frame: number): number {
    const slots = this.#slots;
    const links = this.#links;
    const mask = slots.length - 1;
    for (let at = hash(parent, frame) & mask;; at = at + 1 & mask) {
      const node = slots[at] - 1;
      if (node < 0) return this.#add(parent, frame, at);
      if (links[2 * node] === parent && links[2 * node + 1] === frame) {
        return node;
      }
    }
  }

  /** Adds to the weight of the chain that ends at a node. */
  addWeight(node: number, weight: number): void {
    this.#weights[node] += weight;
  }

  /** Returns the weight of each node with its callees. */
  totals(): Float64Array {
    const totals = this.#weights.slice(0, this.#size);
    for (let node = this.#size - 1; node >= 0; node--) {
      const parent = this.#links[2 * node];
      if (parent !== NO_NODE) totals[parent] += totals[node];
    }
    return totals;
  }

  /** Returns the frames of the chain that ends at a node, outermost first. */
  chainOf(node: number): number[] {
    const frames: number[] = [];
    for (let at = node; at !== NO_NODE; at = this.#links[2 * at]) {
      frames.push(this.#links[2 * at + 1]);
    }
    return frames.reverse();
  }

  /** Visits all nodes without recursion: enters a caller before its callees, leaves it after. */
  visit(enter: (node: number) => void, leave: (node: number) => void): void {
    const firsts = new Int32Array(this.#size + 1).fill(NO_NODE);
    const nexts = new Int32Array(this.#size).fill(NO_NODE);
    for (let node = this.#size - 1; node >= 0; node--) {
      const parent = this.#links[2 * node] + 1;
      nexts[node] = firsts[parent];
      firsts[parent] = node;
    }
    let node = firsts[0];
    while (node !== NO_NODE) {
      enter(node);
      if (firsts[node + 1] !== NO_NODE) {
        node = firsts[node + 1];
        continue;
      }
      leave(node);
      while (nexts[node] === NO_NODE) {
        node = this.#links[2 * node];
        if (node === NO_NODE) return;
        leave(node);
      }
      node = nexts[node];
    }
  }

  #add(parent: number, frame: number, at: number): number {
    const node = this.#size;
    if (node === this.#weights.length) this.#growColumns();
    this.#size++;
    this.#links[2 * node] = parent;
    this.#links[2 * node + 1] = frame;
    this.#slots[at] = node + 1;
    if (2 * this.#size > this.#slots.length) this.#growSlots();
    return node;
  }

  #growColumns(): void {
    const [links, weights] = [this.#links, this.#weights];
    this.#links = new Int32Array(2 * links.length);
    this.#weights = new Float64Array(2 * weights.length);
    this.#links.set(links);
    this.#weights.set(weights);
  }

  #growSlots(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let node = 0; node < this.#size; node++) {
      let at = hash(this.#links[2 * node], this.#links[2 * node + 1]) & mask;
      while (slots[at] !== 0) at = at + 1 & mask;
      slots[at] = node + 1;
    }
    this.#slots = slots;
  }
}

/** Mixes all bits of both numbers into all bits of the result. */
function hash(parent: number, frame: number): number {
  let mixed = Math.imul(parent, 0x9e37_79b1) ^ Math.imul(frame, 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x2c1b_3c6d);
  return (mixed ^ mixed >>> 13) >>> 0;
}
