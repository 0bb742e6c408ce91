/**
 * Loaded before a program that is measured (`node --import`): when it ends, it says on file
 * descriptor 3 what it has used. From within, so that no poll comes too late. No TypeScript: what Node
 * takes the types off with would be 10 MB of each program.
 */
import { readFileSync, writeSync } from 'node:fs';

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  writeSync(3, JSON.stringify({ cpuMs: (user + system) / 1000, peakRssBytes: peakRssBytes() }));
});

/** On Linux from /proc: what getrusage says there begins with the peak of whoever started us. */
function peakRssBytes() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const told = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(told?.[1]) * 1024;
}
