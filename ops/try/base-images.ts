// Base images, made of this machine's own Node, PostgreSQL and programs.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresPrograms } from '@cloister/development/postgres'
import type { Stage } from './stage.ts'
import { growTree, importTree } from './tree.ts'

/** Node, a shell, and what the agent asks for. */
export async function makeBase({ folder, run, docker }: Stage): Promise<void> {
  const tree = growTree(join(folder, 'base'))
  tree.add(process.execPath, '/usr/bin/node')
  tree.add('/usr/bin/busybox', '/usr/bin/busybox')
  for (const name of ['sh', 'cat', 'ls', 'env', 'id', 'sleep', 'mkdir', 'chown'])
    cpSync('/usr/bin/busybox', join(tree.folder, 'usr/bin', name), { dereference: true })
  for (const name of ['nft', 'ip', 'perl']) tree.add((await run('which', [name])).trim(), `/usr/bin/${name}`)
  for (const path of ['/usr/share/perl', '/usr/lib/x86_64-linux-gnu/perl-base'])
    cpSync(path, join(tree.folder, path), { recursive: true })
  await importTree(docker, tree, 'cloister-try-base')
}

/** PostgreSQL as the usual image behaves: it makes a database of what the environment says. */
export async function makePostgres({ folder, docker }: Stage): Promise<void> {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error('This machine has no PostgreSQL to make an image of.')
  const tree = growTree(join(folder, 'postgres'))
  tree.add('/usr/bin/busybox', '/usr/bin/busybox')
  for (const name of ['sh', 'chown', 'mkdir', 'su', 'cat', 'test'])
    cpSync('/usr/bin/busybox', join(tree.folder, 'usr/bin', name), { dereference: true })
  for (const name of ['postgres', 'initdb', 'psql', 'pg_isready', 'pg_ctl'])
    tree.add(join(programs, name), `${programs}/${name}`)
  cpSync(join(programs, '../lib'), join(tree.folder, programs, '../lib'), { recursive: true })
  const version = programs.split('/').at(-2) ?? ''
  cpSync(`/usr/share/postgresql/${version}`, join(tree.folder, `usr/share/postgresql/${version}`), {
    recursive: true,
  })
  writeFileSync(
    join(tree.folder, 'usr/bin/entry'),
    `#!/bin/sh -e
data=/var/lib/postgresql/data
mkdir -p $data && chown -R postgres $data && mkdir -p /run/postgresql && chown postgres /run/postgresql
if [ ! -s $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password && chown postgres /tmp/password
  su postgres -c "${programs}/initdb -D $data -U $POSTGRES_USER --pwfile=/tmp/password --auth=scram-sha-256 --auth-local=trust --no-locale -E UTF8" > /dev/null
  echo "create database \\"$POSTGRES_DB\\"" | su postgres -c "${programs}/postgres --single -D $data -j postgres" > /dev/null
  echo 'host all all all scram-sha-256' >> $data/pg_hba.conf
fi
exec su postgres -c "exec ${programs}/postgres -D $data -h '*'"
`,
    { mode: 0o755 },
  )
  await importTree(docker, tree, 'cloister-try-postgres-tree')
  const built = join(folder, 'postgres-image')
  mkdirSync(built)
  writeFileSync(
    join(built, 'Dockerfile'),
    `FROM cloister-try-postgres-tree\nENV PATH=/usr/bin:${programs}\nSTOPSIGNAL SIGINT\nENTRYPOINT ["/usr/bin/entry"]\n`,
  )
  await docker(['build', '-q', '-t', 'cloister-try-postgres', built])
}
