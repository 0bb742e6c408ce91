import type { Faults } from './faults.ts';
import type { User } from './people.ts';
import type { Workspace } from './workspace.ts';

/** The users of these rows as one JSON array. */
export function renderUsers(
  slots: readonly number[],
  workspace: Workspace,
  version: string,
  faults: Faults,
): string {
  if (!hasDroppedKeys(version, faults)) {
    return `[${slots.map((slot) => workspace.textAt(slot)).join(',')}]`;
  }
  return `[${slots.map((slot) => renderUser(workspace.userAt(slot), version, faults)).join(',')}]`;
}

export function renderUser(user: User, version: string, faults: Faults): string {
  return JSON.stringify(hasDroppedKeys(version, faults) ? withoutDroppedKeys(user) : user);
}

/** From 1.2 on some keys are said to be gone, and yet recordings show them. */
function hasDroppedKeys(version: string, faults: Faults): boolean {
  return faults.keysByVersion && version !== '1.0' && version !== '1.1';
}

function withoutDroppedKeys(user: User): User {
  const kept: Record<string, unknown> = { ...user };
  delete kept.last_seen_ip;
  delete kept.user_agent_data;
  const location = kept.location_data;
  if (typeof location === 'object' && location !== null) {
    const { latitude: _latitude, longitude: _longitude, ...place } = location as User;
    kept.location_data = place;
  }
  return kept;
}
