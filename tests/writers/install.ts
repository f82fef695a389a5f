/**
 * Programs of other projects, installed without changing the machine: from npm, or from
 * Debian's packages into a tree of the release.
 *
 * @module
 */

import { join } from "node:path";
import {
  type CommandLine,
  isInstalled,
  run,
  runOrThrow,
} from "../support/perf.ts";

/** A source of programs. */
export type Source = NpmPackage | DebianPackages | Program;

/** A package of npm, and the path of its program in `node_modules`. */
export interface NpmPackage {
  readonly npm: string;
  readonly bin: string;
}

/** Packages of a Debian release. */
export interface DebianPackages {
  readonly release: "bookworm" | "trixie" | "sid";
  readonly packages: readonly string[];
}

/** A program of the machine. */
export interface Program {
  readonly path: string;
}

/** Returns the command that runs a program of a source in a directory below `/tmp`. */
export type Runner = (
  directory: string,
  command: CommandLine,
) => CommandLine;

/** An error with the reason why a program cannot be installed. */
export class Unavailable extends Error {}

const CACHE = join(
  Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`,
  "jitdump-writers",
);

/**
 * Runs a command in a tree: `sh -c IN_TREE TREE DIRECTORY COMMAND…`. The tree shares the
 * machine's /tmp, so that files there have the same path inside and outside.
 */
const IN_TREE = `
  mount --rbind /tmp "$0/tmp" && mount -t proc proc "$0/proc" &&
  mount --rbind /dev "$0/dev" &&
  exec chroot "$0" sh -c 'cd "$0" && exec "$@"' "$@"
`;

const runners = new Map<string, Promise<Runner>>();

/**
 * Installs a source unless it is installed.
 *
 * @throws {Unavailable} If it cannot be installed.
 */
export function install(source: Source): Promise<Runner> {
  const key = JSON.stringify(source);
  let runner = runners.get(key);
  if (!runner) {
    if ("npm" in source) runner = installNpm(source);
    else if ("release" in source) runner = installDebian(source);
    else runner = Promise.resolve(runnerOf(source.path));
    runners.set(key, runner);
  }
  return runner;
}

/** Returns a runner that replaces the name of the program by its path. */
const runnerOf = (path: string): Runner => (_directory, [, ...args]) => [
  path,
  ...args,
];

async function installNpm({ npm, bin }: NpmPackage): Promise<Runner> {
  const prefix = join(CACHE, "npm", npm.replaceAll("/", "+"));
  const program = join(prefix, "node_modules", bin);
  if (!await isInstalled(program)) {
    if (!await isInstalled("npm")) {
      throw new Unavailable("npm is not installed");
    }
    await Deno.mkdir(prefix, { recursive: true });
    await attempt(["npm", "install", "--no-save", "--prefix", prefix, npm]);
  }
  return runnerOf(program);
}

/** The last installation; the next one waits for it, because dpkg allows only one. */
let installation: Promise<unknown> = Promise.resolve();

async function installDebian(source: DebianPackages): Promise<Runner> {
  if (Deno.uid() !== 0) {
    throw new Unavailable("debootstrap and chroot need root");
  }
  const { release, packages } = source;
  const tree = join(CACHE, release);
  const inTree: Runner = (directory, command) => [
    "unshare",
    ...["--mount", "sh", "-c", IN_TREE],
    ...[tree, directory, ...command],
  ];
  const before = installation;
  const { promise, resolve } = Promise.withResolvers<void>();
  installation = promise;
  try {
    await before;
    if (!await isDirectory(tree)) await makeTree(release, tree);
    await installPackages(packages, inTree);
  } finally {
    resolve();
  }
  return inTree;
}

async function makeTree(release: string, tree: string): Promise<void> {
  if (!await isInstalled("debootstrap")) {
    throw new Unavailable("debootstrap is not installed");
  }
  await Deno.mkdir(CACHE, { recursive: true });
  const unfinished = `${tree}.new`;
  await Deno.remove(unfinished, { recursive: true }).catch(() => {});
  await attempt(["debootstrap", "--variant=minbase", release, unfinished]);
  // Installed services are not started.
  const policy = join(unfinished, "usr/sbin/policy-rc.d");
  await Deno.writeTextFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  await Deno.mkdir(join(unfinished, "etc/postgresql-common"));
  await Deno.writeTextFile(
    join(unfinished, "etc/postgresql-common/createcluster.conf"),
    "create_main_cluster = false\n",
  );
  await Deno.rename(unfinished, tree);
}

async function installPackages(
  packages: readonly string[],
  inTree: Runner,
): Promise<void> {
  const states = await run(inTree("/", [
    "dpkg-query",
    ...["--show", "--showformat", "${db:Status-Status}\n", ...packages],
  ]));
  const installed = states.stdout.split("\n").filter((state) =>
    state === "installed"
  );
  if (states.success && installed.length === packages.length) return;
  // Apt rejects sid's list of packages as expired if the machine's clock is ahead.
  const apt = [
    "apt-get",
    "-q",
    "-o",
    "Acquire::Check-Valid-Until=false",
  ] as const;
  await attempt(inTree("/", [...apt, "update"]));
  await attempt(inTree("/", [
    ...["env", "DEBIAN_FRONTEND=noninteractive"],
    ...[...apt, "install", "-y", "--no-install-recommends", ...packages],
  ] as unknown as CommandLine));
}

/** Runs a step of an installation. */
async function attempt(command: CommandLine): Promise<void> {
  try {
    await runOrThrow(command);
  } catch (error) {
    const lines = (error as Error).message.trimEnd().split("\n");
    throw new Unavailable(
      lines.findLast((line) => /^(npm )?(E:|err)/i.test(line)) ??
        lines[lines.length - 1],
    );
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}
