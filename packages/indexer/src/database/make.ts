// Unpacks an archive into a folder that is there, and ends: node make.ts ARCHIVE FOLDER
import { extract } from 'tar'

const [file = '', cwd = ''] = process.argv.slice(2)
// It runs alone, so nothing waits for it; and one file after another takes half the processor time.
extract({ file, cwd, sync: true })
