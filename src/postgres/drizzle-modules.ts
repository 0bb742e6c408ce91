/**
 * To load a file of a package, Node asks for the package's type, and parses all of its package.json
 * again for each. Drizzle's is 180 kB, and its files are hundreds: that alone was half of the start,
 * and most of its memory. Its own imports name files, all of them ES modules, so nothing needs to be
 * asked. Import this before anything that imports Drizzle.
 */
import { registerHooks } from 'node:module';

const PLACE = '/node_modules/drizzle-orm/';

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL = '' } = context;
    const isInside = specifier.startsWith('.') && parentURL.includes(PLACE);
    if (!isInside || !parentURL.endsWith('.js')) return next(specifier, context);
    const { href } = new URL(specifier, parentURL);
    return { url: href, format: 'module', shortCircuit: true };
  },
});
