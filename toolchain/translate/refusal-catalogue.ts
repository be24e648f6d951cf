/**
 * Every reason for which an edit cannot go live. Codes are stable: scripts and the documentation refer to them.
 * Each has a page of its own in docs/refusals/.
 */
export const refusalCatalogue = {
    HOV101: {
        title: "Top-level code changed",
        fix: "Move the statement into a function, or release a new base.",
    },
    HOV102: {
        title: "The resident changed",
        fix: "Release a new base: the part that does the updating cannot replace itself.",
    },
    HOV103: {
        title: "Hardware configuration changed",
        fix: "Release a new base: configureHardware() and built-in servers are read before the program starts.",
    },
    HOV104: {
        title: "A Jacdac service that the base lacks",
        fix: "Release a new base, or use the service once in the base so that its specification is linked in.",
    },
    HOV105: {
        title: "The base has no entry for this function",
        fix: "Release a new base: library functions outside of the project are linked without an entry.",
    },
    HOV106: {
        title: "More parameters than replaced code can take",
        fix: "Pass an object instead: at most nine parameters including `this`.",
    },
    HOV108: {
        title: "A captured variable cannot keep its place",
        fix: "Keep the variables that an inner function uses, or move them to module level.",
    },
    HOV110: {
        title: "More classes were added than the base has room for",
        fix: "Add fewer classes at once, or release a new base.",
    },
    HOV111: {
        title: "An operation without translation",
        fix: "Write it another way, or release a new base.",
    },
    HOV112: {
        title: "The image is larger than the board's budget",
        fix: "Make the change smaller, or release a new base.",
    },
    HOV113: {
        title: "A class changed its base class",
        fix: "Release a new base.",
    },
    HOV114: {
        title: "A new field's first value cannot be made apart from the rest of the constructor",
        fix: "Give the field a first value that needs no arguments and has no effects, or write a migration with migrate().",
    },
    HOV115: {
        title: "The entry of a function changed its kind",
        fix: "Keep it a function, a method or a constructor, as it was; or give the new one another name.",
    },
    HOV116: {
        title: "A loop that has begun goes on in its old code",
        fix: "Nothing is refused: only a loop that is running keeps to its old code until it ends or the board restarts. Name the variables that it uses, and keep them.",
    },
    HOV117: {
        title: "A migration without a way back",
        fix: "Nothing is refused: but when the image is called back, objects keep what only the new layout has, and lose it for the old code. Give the migration a `down`.",
    },
    HOV118: {
        title: "A new field is deleted",
        fix: "Set the field to undefined instead of deleting it, or write a migration with migrate().",
    },
    HOV119: {
        title: "Callbacks made before the update keep their old code",
        fix: "Nothing is refused: but what the program has registered before goes on in the old code until it ends or the board restarts. Registered again, it is the new one.",
    },
    HOV120: {
        title: "A migration waits",
        fix: "Let `up` and `down` compute only: no await, and no call of a function that waits. What takes time can be done in onActivate().",
    },
    HOV121: {
        title: "A migration names no class",
        fix: "Give migrate() a class by its name, as it is declared at the top level of a file.",
    },
    HOV122: {
        title: "A migration takes more memory than it may",
        fix: "Bringing up one object may take 8 KB. Let the object keep less, or make what is large where it is first used.",
    },
    HOV123: {
        title: "Calls that have begun would mix old and new code",
        fix: "Nothing is refused: the board goes over when these calls have ended, and refuses the update (HOV_QUIESCE) when they do not in time. `--quiesce now` does not wait for them.",
    },
} as const

export type RefusalCode = keyof typeof refusalCatalogue
