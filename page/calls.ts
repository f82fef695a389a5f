/**
 * The calls of a flame graph. Inner calls are found on first use, so that only drawn calls
 * take time.
 *
 * @module
 */

import { WHOLE } from "../src/profile/page_format.ts";
import type { Profile } from "./profile.ts";
import type { Amount, Amounts } from "./selection.ts";

/** A call, or all calls of one function with equal chains. */
export interface Call extends Amount {
  readonly frame: number;
  /** Its weight in the other recording, if the page compares two. */
  readonly otherWeight: number;
  /** The call that is drawn around this one. */
  readonly outer: Call | undefined;
  /** The calls that are drawn in this one, the widest first. */
  readonly inner: readonly Call[];
}

/** The data from which calls are computed. */
export interface Source {
  readonly profile: Profile;
  readonly amounts: Amounts;
  /** The amounts of the other recording, if the page compares two. */
  readonly others?: Amounts;
}

/** Calls that contain their callees. */
class CallerFirst implements Call {
  readonly frame: number;
  readonly weight: number;
  readonly samples: number;
  readonly otherWeight: number;
  #inner: readonly Call[] | undefined;

  constructor(
    readonly source: Source,
    readonly outer: Call | undefined,
    /** Nodes of one frame. None is in the subtree of another. */
    readonly nodes: readonly number[],
  ) {
    const { total, totalSamples } = source.amounts;
    this.frame = source.profile.nodes.frame[nodes[0]];
    this.weight = sum(nodes, total);
    this.samples = sum(nodes, totalSamples);
    this.otherWeight = source.others ? sum(nodes, source.others.total) : 0;
  }

  get inner(): readonly Call[] {
    return this.#inner ??= this.#callees();
  }

  #callees(): Call[] {
    const { nodes, end, frame } = this.#tree();
    const { totalSamples } = this.source.amounts;
    const others = this.source.others?.totalSamples;
    const groups = new Groups<number>();
    for (const node of nodes) {
      for (let callee = node + 1; callee < end[node]; callee = end[callee]) {
        const isUsed = totalSamples[callee] > 0 || others?.[callee];
        if (isUsed) groups.add(frame[callee], callee);
      }
    }
    return groups.map((group) => new CallerFirst(this.source, this, group));
  }

  #tree() {
    return { ...this.source.profile.nodes, nodes: this.nodes };
  }
}

/** A position in a chain that is followed from an inner node to its callers. */
interface Chain extends Amount {
  /** The node that has been reached. */
  readonly at: number;
  readonly otherWeight: number;
}

/** Calls that contain their callers. */
class CalleeFirst implements Call {
  readonly weight: number;
  readonly samples: number;
  readonly otherWeight: number;
  #inner: readonly Call[] | undefined;

  constructor(
    readonly source: Source,
    readonly outer: Call | undefined,
    readonly frame: number,
    readonly chains: readonly Chain[],
    /** Returns the next node of a chain. */
    readonly next: (chain: Chain) => number,
  ) {
    this.weight = chains.reduce((sum, { weight }) => sum + weight, 0);
    this.samples = chains.reduce((sum, { samples }) => sum + samples, 0);
    this.otherWeight = chains.reduce(
      (sum, chain) => sum + chain.otherWeight,
      0,
    );
  }

  get inner(): readonly Call[] {
    return this.#inner ??= this.#callers();
  }

  #callers(): Call[] {
    const { frame } = this.source.profile.nodes;
    const groups = new Groups<Chain>();
    for (const chain of this.chains) {
      const at = this.next(chain);
      if (at > WHOLE) groups.add(frame[at], { ...chain, at });
    }
    return groups.map((group) =>
      new CalleeFirst(
        this.source,
        this,
        frame[group[0].at],
        group,
        this.#caller,
      )
    );
  }

  readonly #caller = ({ at }: Chain) => this.source.profile.nodes.parent[at];
}

/** Groups of nodes or chains by frame. */
class Groups<T> {
  readonly #groups = new Map<number, T[]>();

  add(frame: number, value: T): void {
    const group = this.#groups.get(frame);
    if (group) group.push(value);
    else this.#groups.set(frame, [value]);
  }

  /** Returns the call of each group, the greatest weight first. */
  map(toCall: (group: T[]) => Call): Call[] {
    return Array.from(this.#groups.values(), toCall)
      .sort((a, b) => b.weight - a.weight);
  }
}

/** Returns the call of the whole, or of a function, which contains its callees. */
export function callerFirst(source: Source, frame = WHOLE): Call {
  return new CallerFirst(source, undefined, outermost(source.profile, frame));
}

/**
 * Returns the call of the whole, which contains all functions by their self weight, or of a
 * function. Functions contain their callers.
 */
export function calleeFirst(source: Source, frame = WHOLE): Call {
  const { profile: { nodes }, amounts, others } = source;
  const chains: Chain[] = [];
  const add = (
    at: number,
    weights: "self" | "total",
    samples: "selfSamples" | "totalSamples",
  ) => {
    if (amounts[samples][at] === 0 && !others?.[samples][at]) return;
    chains.push({
      at,
      weight: amounts[weights][at],
      samples: amounts[samples][at],
      otherWeight: others?.[weights][at] ?? 0,
    });
  };
  const isWhole = frame === WHOLE;
  if (isWhole) {
    for (let node = 0; node < nodes.count; node++) {
      add(node, "self", "selfSamples");
    }
  } else {
    for (const node of outermost(source.profile, frame)) {
      add(node, "total", "totalSamples");
    }
  }
  const next = ({ at }: Chain) => isWhole ? at : nodes.parent[at];
  return new CalleeFirst(source, undefined, frame, chains, next);
}

/** Returns the nodes of a frame that are not inside another node of the frame. */
export function outermost(
  { nodes: { count, end, frame } }: Profile,
  wanted: number,
): number[] {
  const found: number[] = [];
  for (let node = 0; node < count;) {
    if (frame[node] === wanted) {
      found.push(node);
      node = end[node];
    } else node++;
  }
  return found;
}

/** Returns the frames from the root to a call, without the root's. */
export function pathOf(call: Call): number[] {
  const path: number[] = [];
  for (let at = call; at.outer; at = at.outer) path.push(at.frame);
  return path.reverse();
}

/** Returns the call at the end of a path, or the last call of the path that exists. */
export function callAt(root: Call, path: readonly number[]): Call {
  let call = root;
  for (const frame of path) {
    const next = call.inner.find((inner) => inner.frame === frame);
    if (!next) break;
    call = next;
  }
  return call;
}

function sum(nodes: readonly number[], values: ArrayLike<number>): number {
  let sum = 0;
  for (const node of nodes) sum += values[node];
  return sum;
}
