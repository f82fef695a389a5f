/**
 * Call chains as `perf script` prints them.
 *
 * @module
 */

import { runOrThrow } from "./perf.ts";

/** Matches the first line of a sample: command, process, period and event. */
const HEAD = /^\s*(.+?)\s+(\d+)\s+(\d+)\s+\S+:\s*$/;

/** Matches a frame: address, symbol and DSO. */
const FRAME = /^\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$/;

/**
 * Returns perf's call chains with their weights. Frames without a symbol are named like in
 * the report: `[file]`, or `[unknown]` if the memory belongs to no file.
 *
 * @param program The perf to run.
 */
export async function perfScriptChains(
  program: string,
  data: string,
): Promise<Map<string, number>> {
  const { stdout } = await runOrThrow([
    ...[program, "script", "-f", "-i", data],
    ...["-F", "comm,pid,period,event,ip,sym,dso"],
  ] as [string, ...string[]]);
  const chains = new Map<string, number>();
  for (const sample of stdout.trimEnd().split(/\n\n+/)) {
    const [head, ...lines] = sample.split("\n");
    const [, command, pid, period] = HEAD.exec(head) ?? [];
    if (command === undefined) throw new Error(`no sample: ${head}`);
    const names = lines.map((line) => {
      const [, symbol, dso] = FRAME.exec(line)!;
      if (symbol !== "[unknown]") return symbol;
      const isFile = dso.startsWith("/") && !dso.startsWith("//") &&
        !dso.endsWith(".map");
      return isFile ? `[${dso.slice(dso.lastIndexOf("/") + 1)}]` : "[unknown]";
    });
    const chain = [`${command} ${pid}`, ...names.reverse()].join(";");
    chains.set(chain, (chains.get(chain) ?? 0) + Number(period));
  }
  return chains;
}
