/** Ways to break the protocol: the checker has to find each of them. */
export const MUTATIONS = {
    "no-compare-and-set": "the store checks neither owner nor epoch, whatever is written",
    "write-without-epoch": "a handler's write is taken at any epoch",
    "no-freeze": "the state is read while handlers still run",
    "keep-nothing": "a state that was given is not kept until it arrived",
    "forget-the-new-owner": "when a state has arrived, its giver's store has the session as its own again",
    "install-twice": "a state that comes again is installed again",
    "acknowledge-early": "a status is acknowledged before it is committed",
    "copy-is-enough": "next serves from the copy without asking for the rest",
    "rest-left-out": "what has changed since a copy is not added to it",
} as const
export type Mutation = keyof typeof MUTATIONS
