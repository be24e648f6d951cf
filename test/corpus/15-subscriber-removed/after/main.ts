import * as ds from "@devicescript/core"

const door = ds.emitter<boolean>()
let open = false

door.subscribe(isOpen => console.log(isOpen ? "door open" : "door closed"))

setInterval(() => {
    open = !open
    door.emit(open)
}, 250)
