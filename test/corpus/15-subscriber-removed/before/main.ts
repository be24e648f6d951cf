import * as ds from "@devicescript/core"

const door = ds.emitter<boolean>()
let open = false

function ring(isOpen: boolean) {
    if (isOpen) console.log("buzzer")
}

door.subscribe(isOpen => console.log(isOpen ? "door open" : "door closed"))
door.subscribe(ring)

setInterval(() => {
    open = !open
    door.emit(open)
}, 250)
