import { enableCompileCache } from 'node:module'

// Compiled code is kept between runs, and the daemons share it.
enableCompileCache()
await import('./start.ts')
