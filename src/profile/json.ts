/**
 * A profile as JSON, for programs. Its schema is `report.schema.json`.
 *
 * @module
 */

import { CallTree } from "./call_tree.ts";
import { type FrameSymbol, functionKey, lineKey } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { stacksOf } from "./stack_table.ts";
import { functionTotals, lineTotals, type Share } from "./totals.ts";
import { unitOf } from "./unit.ts";

/** Version of the schema. It changes if a field is removed or changes its meaning. */
const VERSION = 1;

/** Returns a profile with its samples as an object for `JSON.stringify()`. */
export function toJson(profile: Profile): unknown {
  const { event, samples, weight, lost, recording, timeline } = profile;
  const { startDate, command, host, os, arch, cpu } = recording;
  const { others, hints, chainEnds } = profile;
  const counts = { ...profile, tree: countTree(profile) };
  const functions = functionTotals(profile);
  const { parent, frame, ofNode } = stacksOf(profile.tree);
  return {
    version: VERSION,
    recording: {
      ...{ command, host, os, arch, cpu },
      startTime: startDate && new Date(startDate).toISOString(),
    },
    ...{ event, unit: unitOf(event), samples, weight, lost, others, hints },
    chainEnds: chainEnds.size > 0 ? Object.fromEntries(chainEnds) : undefined,
    functions: withCounts(functions, functionTotals(counts), functionKey).map(
      ({ symbol: { name, category, dso }, ...sums }) => ({
        ...{ name, category, dso: dso || undefined, ...sums },
      }),
    ),
    lines: withCounts(lineTotals(profile), lineTotals(counts), lineKey).map(
      ({ symbol: { name, source }, ...sums }) => ({
        ...{ file: source?.file, line: source?.line, function: name, ...sums },
      }),
    ),
    frames: framesOf(profile, functions),
    stacks: { parent, frame },
    threads: timeline.threads.map(({ pid, tid, name, processName }) => ({
      ...{ pid, tid, name, processName },
    })),
    timeline: {
      time: [...timeline.time],
      thread: [...timeline.thread],
      stack: Array.from(timeline.node, (node) => ofNode[node]),
      weight: [...timeline.weight],
    },
  };
}

/** Returns the tree with the number of samples instead of their weights. */
function countTree({ tree, timeline }: Profile): CallTree {
  const counts = new CallTree();
  for (let node = 0; node < tree.size; node++) {
    // Nodes are created in the same order, so they have the same indices.
    counts.child(tree.parentOf(node), tree.frameOf(node));
  }
  for (const node of timeline.node) counts.addWeight(node, 1);
  return counts;
}

/** Joins weights with counts of samples. */
function withCounts(
  weights: readonly Share[],
  counts: readonly Share[],
  keyOf: (symbol: FrameSymbol) => string | undefined,
) {
  const byKey = new Map(counts.map((share) => [keyOf(share.symbol), share]));
  return weights.map(({ symbol, self, total }) => {
    const count = byKey.get(keyOf(symbol));
    return {
      ...{ symbol, self, total },
      selfSamples: count?.self ?? 0,
      totalSamples: count?.total ?? 0,
    };
  });
}

/** Returns all frames, with their function's index. */
function framesOf({ symbols }: Profile, functions: readonly Share[]) {
  const indices = new Map(
    functions.map(({ symbol }, i) => [functionKey(symbol), i]),
  );
  return symbols.map((symbol) => ({
    function: indices.get(functionKey(symbol)),
    file: symbol.source?.file,
    line: symbol.source?.line,
  }));
}
