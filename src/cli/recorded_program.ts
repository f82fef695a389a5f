/**
 * The programs that `record` and `top` record.
 *
 * @module
 */

import type { Target } from "../recorder/event_set.ts";
import { hasEnded, threadIds } from "../recorder/running_processes.ts";
import { UsageError } from "./command.ts";

/** Signals that request a program to end. */
const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Milliseconds between two checks of whether a process is still running. */
const CHECK_INTERVAL = 100;

/** A command, the id of a process, or undefined for all processes. */
export type Recorded = readonly string[] | number | undefined;

/** Parses a positive integer. Throws {@linkcode UsageError}. */
export function toPositive(option: string, value: string): number {
  if (/^[1-9]\d*$/.test(value) && Number(value) < 2 ** 31) {
    return Number(value);
  }
  throw new UsageError(
    `${option} must be a positive integer, got "${value}"`,
  );
}

/** Returns the target of the events. Throws an error if there is no such process. */
export function findTarget(target: Recorded): Target {
  if (target === undefined) return { kind: "all" };
  if (typeof target !== "number") return { kind: "children" };
  if (threadIds(target).length > 0) return { kind: "process", pid: target };
  throw new Error(
    `there is no process ${target}: find its id with ps, or record a command with jitdump record -- COMMAND`,
  );
}

/** Calls a function when a process has ended; returns a function that stops the checks. */
export function onEnd(pid: number, listener: () => void): () => void {
  const timer = setInterval(() => {
    if (hasEnded(pid)) listener();
  }, CHECK_INTERVAL);
  return () => clearInterval(timer);
}

/** Starts the command; the recording's events start with it. */
export function startCommand(
  [program, ...args]: readonly string[],
  options: Omit<Deno.CommandOptions, "args">,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { args, ...options }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`there is no program "${program}" in the PATH`);
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new Error(
        `Deno may not run "${program}": run again with --allow-run=${program}`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(
        `"${program}" is not an executable file: pass a program, or run chmod +x`,
      );
    }
    throw error;
  }
}

/** Sends a signal to a command, unless it has ended. */
export function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // The command has already ended.
  }
}

/** Listens to the signals that request a program to end; returns a function that stops this. */
export function onSignals(listener: (signal: Deno.Signal) => void): () => void {
  const listeners = SIGNALS.map((signal): [Deno.Signal, () => void] => [
    signal,
    () => listener(signal),
  ]);
  for (const [signal, listener] of listeners) {
    Deno.addSignalListener(signal, listener);
  }
  return () => {
    for (const [signal, listener] of listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  };
}
