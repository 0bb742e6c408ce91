import { type SQL, sql } from 'drizzle-orm';

/**
 * What a column means, as SQL over a user's JSON. None of these ever raises, whatever the JSON is:
 * one value out of place would otherwise refuse the whole user. Paths are `strict` and silent:
 * `lax` ones look inside arrays, and would find a date in `[5]`.
 */

/** The text of a JSON string. */
export function textOf(json: SQL, key: string): SQL<string | null> {
  return sql`case jsonb_typeof(${member(json, key)}) when 'string' then ${memberText(json, key)} end`;
}

/** The text of an identifier, which may be a JSON number (`owner_id` is one up to 2.15). */
export function idOf(json: SQL, key: string): SQL<string | null> {
  return sql`case when jsonb_typeof(${member(json, key)}) in ('string', 'number') then ${memberText(json, key)} end`;
}

export function booleanOf(json: SQL, key: string): SQL<boolean | null> {
  return sql`case jsonb_typeof(${member(json, key)}) when 'boolean' then (${member(json, key)})::boolean end`;
}

export function objectOf(json: SQL, key: string): SQL<unknown> {
  return sql`case jsonb_typeof(${member(json, key)}) when 'object' then ${member(json, key)} end`;
}

/**
 * The instant of a number of whole seconds with up to ten digits: 1653 to 2286. Milliseconds of
 * any day after April 1970 have more digits, so they are null and not the year 55840.
 */
export function instantOf(json: SQL, key: string): SQL<Date | null> {
  const seconds = `$.${key} ? (@ >= -9999999999 && @ <= 9999999999).floor()`;
  return sql`to_timestamp((${numberAt(json, seconds)})::double precision)`;
}

/** A whole number that `integer` can hold; `2.0` is one. */
export function integerOf(json: SQL, key: string): SQL<number | null> {
  const whole = `$.${key} ? (@ >= -2147483648 && @ <= 2147483647 && @ == @.floor())`;
  return sql`(${numberAt(json, whole)})::integer`;
}

/**
 * A number of degrees, sent as a number or as text. The bounds on the digits leave nothing that
 * `double precision` would refuse: 1e400 and 1e-400 are both an error to it.
 */
export function degreesOf(json: SQL, key: string): SQL<number | null> {
  const text = memberText(json, key);
  return sql`case when ${text} ~ '^-?[0-9]{1,3}([.][0-9]{1,40})?$' then (${text})::double precision end`;
}

/** The first array among the members, else an empty one. */
export function arrayOf(json: SQL, keys: readonly string[]): SQL {
  const branches = keys.map(
    (key) => sql`when jsonb_typeof(${member(json, key)}) = 'array' then ${member(json, key)}`,
  );
  return sql`case ${sql.join(branches, sql` `)} else '[]'::jsonb end`;
}

export function firstOf<T>(...choices: readonly SQL<T>[]): SQL<T> {
  return sql`coalesce(${sql.join([...choices], sql`, `)})`;
}

export function member(json: SQL, key: string): SQL {
  return sql`${json} -> ${literal(key)}`;
}

function memberText(json: SQL, key: string): SQL {
  return sql`${json} ->> ${literal(key)}`;
}

function numberAt(json: SQL, path: string): SQL {
  return sql`jsonb_path_query_first(${json}, ${literal(`strict ${path}`)}, '{}', true)`;
}

/** Generated columns and views take no parameters; every literal is a word of this program. */
function literal(text: string): SQL {
  if (text.includes("'")) throw new Error('a literal of an expression holds a quote');
  return sql.raw(`'${text}'`);
}
