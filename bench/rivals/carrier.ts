/**
 * The least that a Node can do: a scroll, and each page as it came into one statement, the next page being
 * asked for meanwhile. It looks at nothing but where the scroll goes on. A process of its own; it prints
 * how many users it has written.
 */
import { Agent, get } from 'node:http';
import { urlToHttpOptions } from 'node:url';
import pg from 'pg';

export interface CarrierOptions {
  readonly apiUrl: string;
  readonly databaseUrl: string;
}

export interface CarrierReport {
  readonly users: number;
}

const PAGES_MAX = 100_000;
const NOBODY = '"users":[]';
const WHERE_IT_GOES_ON = /"scroll_param":"([^"]+)"/;
/** What is behind the users, or before them. */
const AROUND_BYTES = 100;
const INSERT = `
  insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at)
  select 'default', element ->> 'id', 'users', element, now(), now()
  from jsonb_array_elements(convert_from($1, 'UTF8')::jsonb -> 'users') as page (element)
  on conflict (workspace, id) do nothing`;

const { apiUrl, databaseUrl }: CarrierOptions = JSON.parse(process.argv[2] ?? '{}');
const server = urlToHttpOptions(new URL(apiUrl));
const headers = { authorization: 'Bearer bench-token', accept: 'application/json' };
const agent = new Agent({ keepAlive: true });
const client = new pg.Client({ connectionString: databaseUrl });
await client.connect();
const report: CarrierReport = { users: await carry() };
await client.end();
agent.destroy();
process.stdout.write(`${JSON.stringify(report)}\n`);

async function carry(): Promise<number> {
  let users = 0;
  let query = '';
  let written: Promise<unknown> = Promise.resolve();
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const body = await read(`/users/scroll${query}`);
    const end = body.toString('latin1', Math.max(0, body.length - AROUND_BYTES));
    await written;
    if (end.includes(NOBODY)) return users;
    query = `?scroll_param=${WHERE_IT_GOES_ON.exec(end)?.[1]}`;
    written = client.query(INSERT, [body]).then(({ rowCount }) => {
      users += rowCount ?? 0;
    });
  }
  throw new Error(`the scroll has no end after ${PAGES_MAX} pages`);
}

function read(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = get({ ...server, path, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
