/**
 * The syntax tree of Calc, a small language of functions over 64-bit integers.
 *
 *     fn gcd(a, b) {
 *       while b != 0 { let rest = a % b; a = b; b = rest; }
 *       return a;
 *     }
 *
 * Every value is a signed 64-bit integer that wraps. A comparison yields 1 or 0. A
 * function that ends without `return` returns 0. A function has up to 6 parameters and
 * 32 variables, including the parameters. The effect of division by 0 depends on the
 * machine.
 *
 * @module
 */

export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">=";

export type Expression =
  | { kind: "number"; value: bigint }
  | { kind: "variable"; name: string; line: number }
  | { kind: "call"; callee: string; args: Expression[]; line: number }
  | {
    kind: "binary";
    operator: BinaryOperator;
    left: Expression;
    right: Expression;
  };

export type Statement =
  & { line: number }
  & (
    | { kind: "let"; name: string; value: Expression }
    | { kind: "assign"; name: string; value: Expression }
    | { kind: "return"; value: Expression }
    | { kind: "call"; value: Expression }
    | { kind: "while"; condition: Expression; body: Statement[] }
    | {
      kind: "if";
      condition: Expression;
      then: Statement[];
      otherwise: Statement[];
    }
  );

export interface FunctionDefinition {
  name: string;
  parameters: string[];
  body: Statement[];
  line: number;
  /** Line of its closing brace. */
  lastLine: number;
}
