/** Groups: replicas on several workers under one name and address. */
export { close } from './close.ts'
export { deploy } from './deploy.ts'
export { find, firstRunning } from './find.ts'
export { isGivenUp, reopen, resume } from './reopen.ts'
export { scale } from './scale.ts'
export { rollBack, update } from './update.ts'
