import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import {
  EXECUTE,
  endsStatement,
  FLUSH,
  isBeforeSync,
  messagesOf,
  READY,
  refusal,
  SYNC,
  SYNC_ALONE,
  textOf,
} from './postgres-messages.ts';

/**
 * Between a program and its Postgres: sees every statement, and breaks the wire where it is told to. Those
 * that are sent together it passes on one by one, as far as none has failed; the program hears of them
 * together.
 */
export interface PostgresProxy {
  /** The database's, with the proxy's address in place of the server's. */
  readonly url: string;
  /** Asked before a statement is forwarded; the first verdict that is not to pass counts. */
  onStatement(listener: StatementListener): () => void;
  /** Called once a statement was carried out; its answer waits for what is returned. */
  onAnswer(listener: AnswerListener): () => void;
  /** Nothing moves in either direction, nor on new connections; every socket stays open. */
  freeze(): void;
  /** Ends what `freeze` and verdicts of 'freeze' began; what was held goes on. */
  thaw(): void;
  /** Resets every connection; new ones are welcome. */
  cut(): void;
  /** Resets every connection and refuses new ones, until `listen`. */
  refuse(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

export interface Statement {
  readonly text: string;
  /** Counted from 1 through the proxy's life. */
  readonly number: number;
  readonly connection: number;
}

/**
 * 'cut before': it never reaches the server. 'cut after': it is carried out, and its answer is lost.
 * 'freeze': its connection falls silent. `raise`: the server refuses it with this SQLSTATE.
 */
export type Verdict = 'pass' | 'cut before' | 'cut after' | 'freeze' | { readonly raise: string };

// biome-ignore lint/suspicious/noConfusingVoidType: a listener that only looks returns nothing.
export type StatementListener = (statement: Statement) => Verdict | void | Promise<Verdict | void>;

export type AnswerListener = (statement: Statement) => void | Promise<void>;

export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const wire: Wire = {
    target: new URL(databaseUrl),
    connections: new Set(),
    statementListeners: new Set(),
    answerListeners: new Set(),
    thaws: new EventEmitter().setMaxListeners(0),
    isFrozen: false,
    accepted: 0,
    statements: 0,
  };
  const server = createServer((client) => accept(wire, client));
  const port = await listenOn(server, 0);
  const cut = () => {
    for (const connection of wire.connections) reset(wire, connection);
  };
  const refuse = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    cut();
    await closed;
  };
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    onStatement: (listener) => addTo(wire.statementListeners, listener),
    onAnswer: (listener) => addTo(wire.answerListeners, listener),
    freeze: () => {
      wire.isFrozen = true;
    },
    thaw() {
      wire.isFrozen = false;
      for (const connection of wire.connections) connection.isFrozen = false;
      wire.thaws.emit('thaw');
    },
    cut,
    refuse,
    listen: async () => {
      await listenOn(server, port);
    },
    close: refuse,
  };
}

interface Wire {
  readonly target: URL;
  readonly connections: Set<Connection>;
  readonly statementListeners: Set<StatementListener>;
  readonly answerListeners: Set<AnswerListener>;
  readonly thaws: EventEmitter;
  isFrozen: boolean;
  accepted: number;
  statements: number;
}

interface Connection {
  readonly number: number;
  readonly client: Socket;
  readonly server: Socket;
  /** Forwarded and not answered yet. */
  readonly open: Open[];
  isFrozen: boolean;
  /** The server passes over all that comes before the next Sync. */
  hasFailed: boolean;
}

interface Open {
  readonly statement: Statement;
  readonly isLast: boolean;
  readonly isLost: boolean;
  readonly end: () => void;
}

async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => set.delete(item);
}

function accept(wire: Wire, client: Socket): void {
  const { hostname, port } = wire.target;
  const server = connect({ host: hostname, port: Number(port || 5432) });
  // What breaks is noticed by the loops that read.
  for (const socket of [client, server]) socket.on('error', () => {}).setNoDelay();
  wire.accepted += 1;
  const connection = {
    number: wire.accepted,
    client,
    server,
    open: [],
    isFrozen: false,
    hasFailed: false,
  };
  wire.connections.add(connection);
  client.once('close', () => wire.connections.delete(connection));
  // What was forwarded is carried out, though its client has died meanwhile.
  void forwardStatements(wire, connection).finally(() => server.end());
  void forwardAnswers(wire, connection).finally(() => client.end());
}

async function forwardStatements(wire: Wire, connection: Connection): Promise<void> {
  const { client, server } = connection;
  let parts: Buffer[] = [];
  let text: string | null = null;
  let isWhole = false;
  const take = async (isLast: boolean) => {
    const bytes = Buffer.concat(parts);
    parts = [];
    isWhole = false;
    await flowing(wire, connection);
    if (text === null) server.write(bytes);
    else if (connection.hasFailed) server.write(isLast ? SYNC_ALONE : '');
    else await forwardStatement(wire, connection, { text, bytes, isLast });
    text = null;
    if (isLast) connection.hasFailed = false;
  };
  for await (const { type, bytes } of messagesOf(client, true)) {
    if (type === 'TLS?') {
      client.write('N');
      continue;
    }
    // Another statement of the same batch.
    if (isWhole && type !== SYNC) await take(false);
    parts.push(bytes);
    if (type === 'Q' || type === 'P') text = textOf(type, bytes);
    isWhole = type === EXECUTE;
    if (!isBeforeSync(type)) await take(true);
  }
}

interface Asked {
  readonly text: string;
  /** With the Sync behind the last of a batch. */
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

async function forwardStatement(
  wire: Wire,
  connection: Connection,
  { text, bytes, isLast }: Asked,
): Promise<void> {
  const { open, server } = connection;
  wire.statements += 1;
  const statement = { text, number: wire.statements, connection: connection.number };
  const verdict = await judge(wire, statement);
  if (verdict === 'cut before') return reset(wire, connection);
  if (verdict === 'freeze') connection.isFrozen = true;
  await flowing(wire, connection);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  open.push({ statement, isLast, isLost: verdict === 'cut after', end });
  server.write(typeof verdict === 'object' ? refusal(verdict.raise, isLast) : bytes);
  if (isLast) return;
  server.write(FLUSH);
  await ended;
}

async function judge(wire: Wire, statement: Statement): Promise<Verdict> {
  for (const listener of wire.statementListeners) {
    const verdict = (await listener(statement)) ?? 'pass';
    if (verdict !== 'pass') return verdict;
  }
  return 'pass';
}

async function forwardAnswers(wire: Wire, connection: Connection): Promise<void> {
  const { client, server, open } = connection;
  let answer: Buffer[] = [];
  let isHeld = false;
  try {
    for await (const { type, bytes } of messagesOf(server, false)) {
      answer.push(bytes);
      const [asked] = open;
      isHeld ||= asked !== undefined;
      if (asked && (asked.isLast ? type === READY : endsStatement(type))) {
        connection.hasFailed = type === 'E';
        for (const listener of wire.answerListeners) await listener(asked.statement);
        open.shift();
        await flowing(wire, connection);
        if (asked.isLost) return reset(wire, connection);
        asked.end();
      }
      if (isHeld && type !== READY) continue;
      await flowing(wire, connection);
      client.write(Buffer.concat(answer));
      answer = [];
      isHeld = false;
    }
    // A server that hangs up in the middle of an answer may have said why.
    if (!open[0]?.isLost) client.write(Buffer.concat(answer));
  } finally {
    for (const { end } of open) end();
  }
}

/** Settles when neither this connection nor the whole is frozen. */
async function flowing(wire: Wire, connection: Connection): Promise<void> {
  while ((wire.isFrozen || connection.isFrozen) && !connection.client.destroyed) {
    await once(wire.thaws, 'thaw');
  }
}

function reset(wire: Wire, { client, server }: Connection): void {
  client.resetAndDestroy();
  server.destroy();
  // Loops that wait for the thaw see that there is nothing to wait for.
  wire.thaws.emit('thaw');
}
