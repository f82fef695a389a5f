/**
 * The samples of a profile, in the order of time.
 *
 * @module
 */

const INITIAL_CAPACITY = 1024;

/** A thread with samples. */
export interface Thread {
  readonly pid: number;
  readonly tid: number;
  /** Its name: the last one that was recorded. */
  readonly name: string;
  /** The name of its process's first thread. */
  readonly processName: string;
}

/** The samples in columns, in the order of time. */
export interface Samples {
  /** The threads, to which `thread` refers. */
  readonly threads: readonly Thread[];
  readonly length: number;
  /** Times in nanoseconds since the recording's earliest record. */
  readonly time: Float64Array;
  /** Indices into `threads`. */
  readonly thread: Int32Array;
  /** The node of the profile's tree at which the sample's chain ends. */
  readonly node: Int32Array;
  readonly weight: Float64Array;
  /** Indices of the profile's instructions, or {@linkcode NO_INSTRUCTION}. */
  readonly instruction: Int32Array;
}

/** The instruction of a sample in code that no dump describes, or if none were requested. */
export const NO_INSTRUCTION = -1;

/** An empty list. */
export const NO_SAMPLES: Samples = {
  threads: [],
  length: 0,
  time: new Float64Array(0),
  thread: new Int32Array(0),
  node: new Int32Array(0),
  weight: new Float64Array(0),
  instruction: new Int32Array(0),
};

/** Collects samples, which need 28 bytes each. */
export class SampleTable {
  #time = new Float64Array(INITIAL_CAPACITY);
  #thread = new Int32Array(INITIAL_CAPACITY);
  #node = new Int32Array(INITIAL_CAPACITY);
  #weight = new Float64Array(INITIAL_CAPACITY);
  #instruction = new Int32Array(INITIAL_CAPACITY);
  #size = 0;
  readonly #threads: { pid: number; tid: number }[] = [];
  readonly #byId = new Map<number, Map<number, number>>();

  /** Adds a sample. */
  add(
    task: { readonly pid: number; readonly tid: number },
    time: number,
    node: number,
    weight: number,
    instruction = NO_INSTRUCTION,
  ): void {
    if (this.#size === this.#time.length) this.#grow();
    this.#time[this.#size] = time;
    this.#thread[this.#size] = this.#threadOf(task.pid, task.tid);
    this.#node[this.#size] = node;
    this.#instruction[this.#size] = instruction;
    this.#weight[this.#size++] = weight;
  }

  /**
   * Returns the samples in order of time. They are sorted, because a sample whose call chain
   * was completed later was added later.
   *
   * @param nameOf Returns the name of a thread.
   */
  sorted(nameOf: (tid: number) => string): Samples {
    const size = this.#size;
    const times = this.#time;
    const order = Uint32Array.from({ length: size }, (_, i) => i);
    order.sort((a, b) => times[a] - times[b] || a - b);
    return {
      threads: this.#threads.map(({ pid, tid }) => ({
        ...{ pid, tid, name: nameOf(tid), processName: nameOf(pid) },
      })),
      length: size,
      time: Float64Array.from(order, (i) => times[i]),
      thread: Int32Array.from(order, (i) => this.#thread[i]),
      node: Int32Array.from(order, (i) => this.#node[i]),
      weight: Float64Array.from(order, (i) => this.#weight[i]),
      instruction: Int32Array.from(order, (i) => this.#instruction[i]),
    };
  }

  #threadOf(pid: number, tid: number): number {
    let threads = this.#byId.get(pid);
    if (!threads) this.#byId.set(pid, threads = new Map());
    let thread = threads.get(tid);
    if (thread === undefined) {
      thread = this.#threads.push({ pid, tid }) - 1;
      threads.set(tid, thread);
    }
    return thread;
  }

  #grow(): void {
    const capacity = 2 * this.#size;
    const [time, thread] = [this.#time, this.#thread];
    const [node, weight] = [this.#node, this.#weight];
    const instruction = this.#instruction;
    this.#time = new Float64Array(capacity);
    this.#thread = new Int32Array(capacity);
    this.#node = new Int32Array(capacity);
    this.#weight = new Float64Array(capacity);
    this.#time.set(time);
    this.#thread.set(thread);
    this.#node.set(node);
    this.#weight.set(weight);
    this.#instruction = new Int32Array(capacity);
    this.#instruction.set(instruction);
  }
}

/** Returns the positions of each thread's samples, in the order of time. */
export function byThread({ threads, thread, length }: Samples): number[][] {
  const positions: number[][] = threads.map(() => []);
  for (let i = 0; i < length; i++) positions[thread[i]].push(i);
  return positions;
}
