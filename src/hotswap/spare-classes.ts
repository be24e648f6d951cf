// Classes for images to fill: `new`, `extends` and `instanceof` take only functions that were compiled as constructors, so
// a class that the base does not have takes the place of one of these. The linker makes hosts of them.

class Spare0 {}
class Spare1 {}
class Spare2 {}
class Spare3 {}
class Spare4 {}
class Spare5 {}

/** Keeps them in the program; the compiler drops classes that nobody names. */
export function spareClasses(): any[] {
    return [Spare0, Spare1, Spare2, Spare3, Spare4, Spare5]
}

/** Takes all members off a class that another image may have filled. */
export function emptyClass(constructor_: any): void {
    // indexed, as the compiler takes `.prototype` for a class's own
    const prototype = constructor_["prototype"]
    for (const key of Object.keys(prototype)) delete prototype[key]
    prototype["constructor"] = constructor_
    Object.setPrototypeOf(prototype, {})
}
