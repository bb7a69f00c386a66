// `npm run images`: what container images are built from, a folder each in dist/images, or in the folder
// named: `docker build dist/images/gateway`. Each holds a Dockerfile and the program with all it needs.
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bundle } from './bundle.ts'
import { IMAGES } from './images.ts'
import { ROOT } from './workspace.ts'

const folder = resolve(process.argv[2] ?? 'dist/images')
for (const [name, { programs, files }] of Object.entries(IMAGES)) {
  const made = join(folder, name)
  rmSync(made, { recursive: true, force: true })
  await bundle({ programs, files, folder: join(made, 'program'), target: 'node24', others: 'inside' })
  writeFileSync(join(made, 'program/package.json'), '{ "type": "module" }\n')
  cpSync(join(ROOT, 'LICENSE'), join(made, 'program/LICENSE'))
  cpSync(join(ROOT, `ops/images/${name}.Dockerfile`), join(made, 'Dockerfile'))
  console.log(`${name.padEnd(10)} ${made}`)
}
