import { join } from 'node:path'
import { keepCompiledCode, packedProgram } from '@cloister/packed'

// Plain JavaScript: what takes types away would stay in memory. The daemons share the compiled code.
keepCompiledCode()
await import(packedProgram(join(import.meta.dirname, 'start.ts')))
