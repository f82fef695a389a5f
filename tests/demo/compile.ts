/**
 * Calc's compiler.
 *
 * @module
 */

import {
  EM_AARCH64,
  EM_X86_64,
  type FrameStep,
  unwindingSpace,
} from "../../mod.ts";
import { AArch64Assembler } from "./aarch64.ts";
import type { Assembler, Label } from "./assembler.ts";
import { parse } from "./parse.ts";
import type { Expression, FunctionDefinition, Statement } from "./syntax.ts";
import { X86_64Assembler } from "./x86_64.ts";

const MAX_PARAMETERS = 6;
const MAX_SLOTS = 32;

/** A compiled function. */
export interface CompiledFunction {
  name: string;
  /** Offset of its first byte. */
  start: number;
  /** Offset after its last byte. */
  end: number;
  /** Source lines, by offsets from the function's start. */
  lines: { offset: number; line: number }[];
  /** Effects of its instructions on the stack. */
  unwinding: FrameStep[];
}

/** The position-independent code of a program. */
export interface CompiledProgram {
  code: Uint8Array<ArrayBuffer>;
  functions: CompiledFunction[];
}

interface Callee {
  label: Label;
  parameterCount: number;
}

/** Compiles a program for a machine. Throws a `SyntaxError` that names the line. */
export function compile(
  text: string,
  arch: typeof Deno.build.arch,
  keepsFramePointers = false,
): CompiledProgram {
  const [assembler, eMachine] = arch === "x86_64"
    ? [new X86_64Assembler(keepsFramePointers), EM_X86_64]
    : [new AArch64Assembler(keepsFramePointers), EM_AARCH64];
  const definitions = parse(text);
  const callees = new Map<string, Callee>();
  for (const { name, parameters, line } of definitions) {
    if (callees.has(name)) fail(line, `${name}() is defined twice`);
    callees.set(name, { label: {}, parameterCount: parameters.length });
  }
  const functions = definitions.map((definition) => {
    const { name } = definition;
    const start = assembler.begin(callees.get(name)!.label);
    const lines = new FunctionCompiler(assembler, callees, definition)
      .compile();
    const end = assembler.length;
    const unwinding = assembler.steps;
    // perf maps the unwind info after the function.
    assembler.skip(unwindingSpace(end - start, unwinding, { eMachine }));
    return { name, start, end, lines, unwinding };
  });
  return { code: assembler.finish(), functions };
}

function fail(line: number, message: string): never {
  throw new SyntaxError(`line ${line}: ${message}`);
}

/** Returns the names that a function's body declares, each once. */
function declarations(body: Statement[]): string[] {
  return body.flatMap((statement) => {
    switch (statement.kind) {
      case "let":
        return [statement.name];
      case "while":
        return declarations(statement.body);
      case "if":
        return declarations([...statement.then, ...statement.otherwise]);
      default:
        return [];
    }
  });
}

class FunctionCompiler {
  readonly #assembler: Assembler;
  readonly #callees: Map<string, Callee>;
  readonly #definition: FunctionDefinition;
  /** Slots of variables. A name has the same slot in the whole function. */
  readonly #slots: Map<string, number>;
  readonly #lines: { offset: number; line: number }[] = [];

  constructor(
    assembler: Assembler,
    callees: Map<string, Callee>,
    definition: FunctionDefinition,
  ) {
    this.#assembler = assembler;
    this.#callees = callees;
    this.#definition = definition;
    const { name, line, parameters, body } = definition;
    const names = new Set([...parameters, ...declarations(body)]);
    this.#slots = new Map([...names].map((name, slot) => [name, slot]));
    if (parameters.length > MAX_PARAMETERS) {
      fail(line, `${name}() has more than ${MAX_PARAMETERS} parameters`);
    }
    if (names.size > MAX_SLOTS) {
      fail(line, `${name}() has more than ${MAX_SLOTS} variables`);
    }
  }

  /** Compiles the function, and returns the lines of its instructions. */
  compile(): { offset: number; line: number }[] {
    const assembler = this.#assembler;
    const { parameters, body, line, lastLine } = this.#definition;
    this.#at(line);
    assembler.enter(parameters.length, this.#slots.size);
    this.#statements(body);
    if (body.at(-1)?.kind !== "return") {
      this.#at(lastLine);
      assembler.loadConstant(0n);
      assembler.leave(this.#slots.size);
    }
    return this.#lines;
  }

  /** Records the source line of the next instructions. */
  #at(line: number): void {
    if (this.#lines.at(-1)?.line === line) return;
    this.#lines.push({ offset: this.#assembler.offset, line });
  }

  #statements(statements: Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    const assembler = this.#assembler;
    const { line } = statement;
    this.#at(line);
    switch (statement.kind) {
      case "let":
      case "assign":
        this.#expression(statement.value);
        assembler.storeSlot(this.#slot(statement.name, line));
        break;
      case "return":
        this.#expression(statement.value);
        assembler.leave(this.#slots.size);
        break;
      case "call":
        this.#expression(statement.value);
        break;
      case "while": {
        const start: Label = {};
        const end: Label = {};
        assembler.bind(start);
        this.#expression(statement.condition);
        assembler.jumpIfZero(end);
        this.#statements(statement.body);
        this.#at(line);
        assembler.jump(start);
        assembler.bind(end);
        break;
      }
      case "if": {
        const otherwise: Label = {};
        const end: Label = {};
        this.#expression(statement.condition);
        assembler.jumpIfZero(otherwise);
        this.#statements(statement.then);
        this.#at(line);
        assembler.jump(end);
        assembler.bind(otherwise);
        this.#statements(statement.otherwise);
        assembler.bind(end);
        break;
      }
    }
  }

  #expression(expression: Expression): void {
    const assembler = this.#assembler;
    switch (expression.kind) {
      case "number":
        assembler.loadConstant(expression.value);
        break;
      case "variable":
        assembler.loadSlot(this.#slot(expression.name, expression.line));
        break;
      case "binary":
        this.#expression(expression.left);
        assembler.push();
        this.#expression(expression.right);
        assembler.binary(expression.operator);
        break;
      case "call": {
        const { callee: name, args, line } = expression;
        const callee = this.#callees.get(name);
        if (!callee) fail(line, `there is no function ${name}()`);
        if (args.length !== callee.parameterCount) {
          fail(
            line,
            `${name}() accepts ${callee.parameterCount} arguments, not ${args.length}`,
          );
        }
        for (const arg of args) {
          this.#expression(arg);
          assembler.push();
        }
        assembler.call(callee.label, args.length);
        break;
      }
    }
  }

  #slot(name: string, line: number): number {
    return this.#slots.get(name) ?? fail(line, `there is no variable ${name}`);
  }
}
