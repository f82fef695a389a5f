/**
 * Dumps functions of ordinary size, and prints the dump's path.
 *
 *     deno run --allow-all tests/bench/dump_ordinary.ts DIRECTORY COUNT
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { ordinaryFunctions } from "./reader.ts";

const [directory, count] = Deno.args;
using dump = JitDumpFile.forProcess(directory);
dump.dumpFunctions(ordinaryFunctions(Number(count)));
console.log(dump.path);
