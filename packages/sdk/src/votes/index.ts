/** Ballots: proposing, voting for free, posting votes, carrying out what passed, and checking all of it. */
export {
  audit,
  callOff,
  execute,
  gather,
  payBond,
  plan,
  post,
  queue,
  register,
  registration,
} from './carry-out.ts'
export { castOnChain, handIn, sign } from './cast.ts'
export { find, list } from './find.ts'
export { follow, keep } from './kept.ts'
export { power } from './power.ts'
export { propose, publish } from './propose.ts'
