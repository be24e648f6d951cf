let armed = 0

/** Calls back when the reading has been high for a while. */
export function watch(read: () => number) {
    setInterval(() => {
        armed = read() > 8 ? armed + 1 : 0
        if (armed >= 2) console.log("alarm")
    }, 250)
}
