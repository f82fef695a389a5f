/**
 * Calc's parser.
 *
 * @module
 */

import type {
  BinaryOperator,
  Expression,
  FunctionDefinition,
  Statement,
} from "./syntax.ts";

interface Token {
  kind: "name" | "number" | "symbol" | "end";
  text: string;
  line: number;
}

const TOKEN =
  /(?<space>\s+|\/\/.*)|(?<name>[A-Za-z_]\w*)|(?<number>\d+)|(?<symbol>[=!<>]=|[-+*\/%<>=(){},;])/y;

/** The binary operators by precedence, lowest first. */
const PRECEDENCE: BinaryOperator[][] = [
  ["==", "!=", "<", "<=", ">", ">="],
  ["+", "-"],
  ["*", "/", "%"],
];

function* tokenize(text: string): Generator<Token> {
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    if (!groups) {
      throw new SyntaxError(`line ${line}: unexpected "${text[at]}"`);
    }
    const { space, name, number, symbol } = groups;
    if (name) yield { kind: "name", text: name, line };
    else if (number) yield { kind: "number", text: number, line };
    else if (symbol) yield { kind: "symbol", text: symbol, line };
    else line += space.split("\n").length - 1;
  }
  yield { kind: "end", text: "end of text", line };
}

/** Parses a program. Throws a `SyntaxError` that names the line. */
export function parse(text: string): FunctionDefinition[] {
  const tokens = [...tokenize(text)];
  let position = 0;

  const peek = () => tokens[position];
  const next = () => tokens[position++];
  const accept = (text: string) => peek().text === text && !!next();

  function fail(token: Token, expected: string): never {
    throw new SyntaxError(
      `line ${token.line}: expected ${expected}, found "${token.text}"`,
    );
  }
  function expect(text: string): Token {
    const token = next();
    return token.text === text ? token : fail(token, `"${text}"`);
  }
  function expectName(): string {
    const token = next();
    return token.kind === "name" ? token.text : fail(token, "a name");
  }
  function list<T>(item: () => T): T[] {
    const items: T[] = [];
    expect("(");
    if (accept(")")) return items;
    do items.push(item()); while (accept(","));
    expect(")");
    return items;
  }

  function primary(): Expression {
    const token = next();
    const { kind, line } = token;
    if (token.text === "(") {
      const inner = expression();
      expect(")");
      return inner;
    }
    if (kind === "number") {
      return { kind, value: BigInt.asIntN(64, BigInt(token.text)) };
    }
    if (kind !== "name") fail(token, "an expression");
    return peek().text === "("
      ? { kind: "call", callee: token.text, args: list(expression), line }
      : { kind: "variable", name: token.text, line };
  }

  function expression(level = 0): Expression {
    if (level === PRECEDENCE.length) return primary();
    let left = expression(level + 1);
    for (;;) {
      const operator = PRECEDENCE[level].find((o) => o === peek().text);
      if (!operator) return left;
      next();
      left = { kind: "binary", operator, left, right: expression(level + 1) };
    }
  }

  function block(): Statement[] {
    const statements: Statement[] = [];
    expect("{");
    while (!accept("}")) statements.push(statement());
    return statements;
  }

  function statement(): Statement {
    const { line } = peek();
    if (accept("while")) {
      return { kind: "while", condition: expression(), body: block(), line };
    }
    if (accept("if")) {
      const condition = expression();
      const then = block();
      const otherwise = accept("else") ? block() : [];
      return { kind: "if", condition, then, otherwise, line };
    }
    const simple = simpleStatement(line);
    expect(";");
    return simple;
  }

  function simpleStatement(line: number): Statement {
    if (accept("return")) return { kind: "return", value: expression(), line };
    if (accept("let")) {
      const name = expectName();
      expect("=");
      return { kind: "let", name, value: expression(), line };
    }
    const token = peek();
    const value = expression();
    if (value.kind === "call") return { kind: "call", value, line };
    if (value.kind !== "variable") fail(token, "a statement");
    expect("=");
    return { kind: "assign", name: value.name, value: expression(), line };
  }

  const functions: FunctionDefinition[] = [];
  while (peek().kind !== "end") {
    const { line } = expect("fn");
    const name = expectName();
    const parameters = list(expectName);
    const body = block();
    const lastLine = tokens[position - 1].line;
    functions.push({ name, parameters, body, line, lastLine });
  }
  return functions;
}
