import { describe, expect, test } from 'vitest';
import { credentials, open, readList, visit } from './simulator-visit.ts';

const KEYS = [
  'type id user_id anonymous email phone name pseudonym avatar app_id companies location_data',
  'last_request_at created_at remote_created_at signed_up_at updated_at session_count',
  'social_profiles owner_id unsubscribed_from_emails marked_email_as_spam has_hard_bounced tags',
  'segments custom_attributes referrer utm_campaign utm_content utm_medium utm_source utm_term',
  'do_not_track last_seen_ip user_agent_data',
].flatMap((line) => line.split(' '));

describe('GET /users/{id}', () => {
  test('answers the user as the list does', async () => {
    const simulator = await open();
    const listed = (await visit(simulator, '/users')).page.users[0];
    const { status, text } = await visit(simulator, `/users/${listed?.id}`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual(listed);
    expect(text).toBe(simulator.workspace.text(String(listed?.id)));
  });

  test('answers 404 for a user who was deleted and for one who never was', async () => {
    const simulator = await open();
    const id = String(simulator.workspace.users()[0]?.id);
    simulator.workspace.delete(id);
    for (const gone of [id, 'b33c6d139f0cb7332d10c1d3', '%E0%A4%A']) {
      const { status, errors } = await visit(simulator, `/users/${gone}`);
      expect(status).toBe(404);
      expect(errors[0]?.code).toBe('not_found');
    }
  });

  test('knows users by the ids that a test gave them', async () => {
    const simulator = await open();
    simulator.workspace.create({ id: 'ein/ü?', name: 'Odd' });
    const { page } = await visit(simulator, `/users/${encodeURIComponent('ein/ü?')}`);
    expect(page).toMatchObject({ id: 'ein/ü?', name: 'Odd' });
    expect((await visit(simulator, '/users')).page.users[0]?.id).toBe('ein/ü?');
  });
});

describe('the user object', () => {
  test('has the keys of the recordings in their order', async () => {
    const simulator = await open();
    const lists = (await readList(simulator)).flatMap((page) => page.users.map(Object.keys));
    const full = lists.filter((keys) => keys.length === KEYS.length);
    expect(full.length).toBeGreaterThan(110);
    for (const keys of full) expect(keys).toEqual(KEYS);
    const partial = lists.filter((keys) => keys.length < KEYS.length);
    expect(partial.length).toBeGreaterThan(0);
    for (const keys of partial) expect(keys).toEqual(KEYS.filter((key) => keys.includes(key)));
  });

  test('loses the keys that were dropped from 1.2 on, when asked to', async () => {
    const simulator = await open({ faults: { keysByVersion: true } });
    const gone = ['last_seen_ip', 'user_agent_data'];
    const old = await visit(simulator, '/users', { ...credentials, 'intercom-version': '1.1' });
    expect(old.page.users.some((user) => 'user_agent_data' in user)).toBe(true);
    expect(old.text).toContain('"latitude"');
    const late = await visit(simulator, '/users', { ...credentials, 'intercom-version': '1.2' });
    for (const key of gone) expect(late.page.users.some((user) => key in user)).toBe(false);
    expect(late.text).not.toContain('"latitude"');
    expect(late.page.users.map((user) => user.id)).toEqual(old.page.users.map((user) => user.id));
    const { text } = await visit(simulator, '/users/scroll');
    expect(text).not.toContain('"last_seen_ip"');
  });
});
