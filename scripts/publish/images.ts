import { COMMAND_FILES, COMMAND_PROGRAMS } from './command.ts'

/** What is in which image: programs, and the files that those look for. */
export const IMAGES = {
  agent: { programs: COMMAND_PROGRAMS, files: COMMAND_FILES },
  gateway: { programs: { gateway: 'packages/gateway/src/main.ts' }, files: [] },
  indexer: {
    programs: { indexer: 'packages/indexer/src/main.ts' },
    // Migrations.
    files: ['packages/indexer/drizzle'],
  },
}
