// `npm run packages`: builds what npm can install, as tarballs in dist/packages, or in the folder named.
import { resolve } from 'node:path'
import { buildPackages } from './packages.ts'

const folder = resolve(process.argv[2] ?? 'dist/packages')
for (const { name, tarball } of await buildPackages(folder)) console.log(`${name.padEnd(20)} ${tarball}`)
