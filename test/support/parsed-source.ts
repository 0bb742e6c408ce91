import { posix } from 'node:path';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

export interface SourceText {
  /** From the root of the repository, with forward slashes: `src/main.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface ParsedSource {
  readonly path: string;
  readonly lineCount: number;
  /** Files by path, packages by name, Node's own as `node:…`; of types too, and dynamic ones. */
  readonly imports: readonly string[];
  readonly functions: readonly { readonly line: number; readonly lineCount: number }[];
  readonly readsEnvironment: boolean;
  readonly usesFetch: boolean;
  readonly hasDefaultExport: boolean;
  /** `only`, `skip`, `todo`: as `test.only(…)` or as an option of a test. */
  readonly heldBack: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

const HELD_BACK = ['only', 'skip', 'todo'];
const FUNCTIONS: readonly SyntaxKind[] = [
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
];

/** TypeScript's own parser: a process, started at the first use, for texts that are in no folder. */
const files = createVirtualFileSystem({});
let api: API | undefined;
let parsedCount = 0;

/** What the rules need to know of each file, from the texts alone. */
export function parseSources(sources: readonly SourceText[]): ParsedSource[] {
  api ??= new API({ cwd: '/', fs: files });
  parsedCount += 1;
  const root = `/parsed-${parsedCount}`;
  const config = `${root}/tsconfig.json`;
  const compilerOptions = { noLib: true, noResolve: true, types: [], module: 'nodenext' };
  for (const { path, text } of sources) files.writeFile?.(`${root}/${path}`, text);
  const content = { compilerOptions, files: sources.map(({ path }) => path) };
  files.writeFile?.(config, JSON.stringify(content));
  const snapshot = api.updateSnapshot({ openProjects: [config] });
  try {
    const program = snapshot.getProject(config)?.program;
    return sources.map((source) => {
      const file = program?.getSourceFile(`${root}/${source.path}`);
      if (file === undefined) throw new Error(`${source.path} was not parsed`);
      return describe(source, file);
    });
  } finally {
    snapshot.dispose();
  }
}

export function closeParser(): void {
  api?.close();
  api = undefined;
}

function describe({ path, text }: SourceText, file: SourceFile): ParsedSource {
  const found: Mutable<ParsedSource> = {
    path,
    lineCount: text.replace(/\n$/, '').split('\n').length,
    imports: [],
    functions: [],
    readsEnvironment: false,
    usesFetch: false,
    hasDefaultExport: false,
    heldBack: [],
  };
  const visit = (node: Node): undefined => {
    note(node, file, found);
    node.forEachChild(visit);
  };
  visit(file);
  if (found.imports.includes('node:process')) found.readsEnvironment = true;
  return found;
}

function note(node: Node, file: SourceFile, found: Mutable<ParsedSource>): void {
  const specifier = importedFrom(node, file);
  if (specifier !== null) found.imports.push(resolve(found.path, specifier));
  if (FUNCTIONS.includes(node.kind)) {
    const { text } = file;
    const line = text.slice(0, node.getStart(file)).split('\n').length;
    found.functions.push({ line, lineCount: node.getText(file).split('\n').length });
  }
  if (isEnvironment(node, file)) found.readsEnvironment = true;
  if (isFetch(node, file)) found.usesFetch = true;
  if (isDefaultExport(node, file)) found.hasDefaultExport = true;
  const held = heldBack(node, file);
  if (held !== null) found.heldBack.push(held);
}

/** `import … from`, `export … from`, `import(…)`, and the type `import(…)`. */
function importedFrom(node: Node, file: SourceFile): string | null {
  const children = childrenOf(node);
  const isStatement =
    node.kind === SyntaxKind.ImportDeclaration || node.kind === SyntaxKind.ExportDeclaration;
  const isCall =
    node.kind === SyntaxKind.CallExpression && children[0]?.kind === SyntaxKind.ImportKeyword;
  if (node.kind === SyntaxKind.ImportType) return textOf(childrenOf(children[0])[0], file);
  if (!isStatement && !isCall) return null;
  return textOf(
    children.find(({ kind }) => kind === SyntaxKind.StringLiteral),
    file,
  );
}

function resolve(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  if (specifier === 'process') return 'node:process';
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `process.env`, `process['env']`, and `{ env } = process` in any form. */
function isEnvironment(node: Node, file: SourceFile): boolean {
  if (node.kind !== SyntaxKind.Identifier || node.getText(file) !== 'process') return false;
  const { parent } = node;
  const [object, member] = childrenOf(parent);
  if (parent.kind === SyntaxKind.VariableDeclaration) return object !== node;
  const isAccess =
    parent.kind === SyntaxKind.PropertyAccessExpression ||
    parent.kind === SyntaxKind.ElementAccessExpression;
  return isAccess && object === node && textOf(member, file) === 'env';
}

/** The global as a value, called or handed on; neither another's method, nor a name, nor the type. */
function isFetch(node: Node, file: SourceFile): boolean {
  if (node.kind !== SyntaxKind.Identifier || node.getText(file) !== 'fetch') return false;
  const { parent } = node;
  if (parent.kind === SyntaxKind.ShorthandPropertyAssignment) return true;
  if (parent.kind === SyntaxKind.TypeQuery) return false;
  const isName = 'name' in parent && parent.name === node;
  return !isName || textOf(childrenOf(parent)[0], file) === 'globalThis';
}

function isDefaultExport(node: Node, file: SourceFile): boolean {
  if (node.kind === SyntaxKind.ExportAssignment) return true;
  if (node.kind === SyntaxKind.DefaultKeyword) {
    return node.parent.kind !== SyntaxKind.DefaultClause;
  }
  return (
    node.kind === SyntaxKind.ExportSpecifier && textOf(childrenOf(node).at(-1), file) === 'default'
  );
}

function heldBack(node: Node, file: SourceFile): string | null {
  const isAccess = node.kind === SyntaxKind.PropertyAccessExpression;
  const isOption = node.kind === SyntaxKind.PropertyAssignment;
  if (!isAccess && !isOption) return null;
  const [first, second] = childrenOf(node);
  const name = textOf(isAccess ? second : first, file) ?? '';
  if (!HELD_BACK.includes(name)) return null;
  const call = isAccess ? node : node.parent.parent;
  return /^(test|it|describe|suite|context|ctx)\b/.test(call.getText(file)) ? name : null;
}

function childrenOf(node: Node | undefined): Node[] {
  const children: Node[] = [];
  node?.forEachChild((child) => {
    children.push(child);
    return undefined;
  });
  return children;
}

/** An identifier's or a literal's own text. */
function textOf(node: Node | undefined, file: SourceFile): string | null {
  return node === undefined ? null : node.getText(file).replace(/^(['"`])(.*)\1$/s, '$2');
}
