import type { Faults } from './faults.ts';
import type { Dice } from './random.ts';
import type { Workspace } from './workspace.ts';

/** A workspace is never still: changes made to it while somebody pages through it. */
export function churn(workspace: Workspace, faults: Faults, dice: Dice): void {
  for (let count = 0; count < faults.updatesPerPage; count += 1) {
    const id = workspace.anyId(dice.next());
    if (id !== undefined) workspace.update(id, { session_count: 200 + dice.below(1000) });
  }
  for (let count = 0; count < faults.createsPerPage; count += 1) workspace.create();
  for (let count = 0; count < faults.deletesPerPage; count += 1) {
    const id = workspace.anyId(dice.next());
    if (id !== undefined) workspace.delete(id);
  }
}
