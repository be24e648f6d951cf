/**
 * Strings and objects that are built into the VM and that bytecode names by number.
 * Source: bytecode/bytecode.md of microsoft/devicescript, enums BuiltIn_String and BuiltIn_Object.
 */

export const builtinStrings: readonly string[] = [
    "", "-Infinity", "DeviceScript", "E", "Infinity", "LN10", "LN2", "LOG10E", "LOG2E", "NaN",
    "PI", "SQRT1_2", "SQRT2", "abs", "alloc", "array", "blitAt", "boolean", "buffer", "cbrt",
    "ceil", "charCodeAt", "clamp", "exp", "false", "fillAt", "floor", "forEach", "function",
    "getAt", "idiv", "imul", "isBound", "join", "length", "log", "log10", "log2", "map", "max",
    "min", "next", "null", "number", "onChange", "onConnected", "onDisconnected", "packet",
    "_panic", "pop", "pow", "prev", "prototype", "push", "random", "randomInt", "read", "restart",
    "round", "setAt", "setLength", "shift", "signal", "slice", "splice", "sqrt", "string",
    "subscribe", "toString", "true", "undefined", "unshift", "wait", "write", "sleep", "imod",
    "format", "insert", "start", "cloud", "main", "charAt", "object", "parseInt", "parseFloat",
    "assign", "keys", "values", "__func__", "role", "deviceIdentifier", "shortId", "serviceIndex",
    "serviceCommand", "payload", "decode", "encode", "_onPacket", "code", "name", "isEvent",
    "eventCode", "isRegSet", "isRegGet", "regCode", "flags", "isReport", "isCommand", "isArray",
    "inline", "assert", "pushRange", "sendCommand", "__stack__", "Error", "TypeError",
    "RangeError", "stack", "message", "cause", "__new__", "setPrototypeOf", "getPrototypeOf",
    "constructor", "__proto__", "_logRepr", "print", "everyMs", "setInterval", "setTimeout",
    "clearInterval", "clearTimeout", "SyntaxError", "JSON", "parse", "stringify", "_dcfgString",
    "isSimulator", "Role", "Fiber", "suspend", "resume", "terminate", "self", "current", "id",
    "_commandResponse", "isAction", "millis", "from", "hex", "utf8", "utf-8", "suspended",
    "reboot", "server", "spec", "ServiceSpec", "classIdentifier", "lookup", "PacketSpec", "parent",
    "response", "ServerInterface", "_onServerPacket", "_serverSend", "notImplemented", "delay",
    "fromCharCode", "_allocRole", "spiConfigure", "spiXfer", "_socketOpen", "_socketClose",
    "_socketWrite", "_socketOnEvent", "open", "close", "error", "data", "toUpperCase",
    "toLowerCase", "indexOf", "byteLength", "Image", "width", "height", "bpp", "get", "clone",
    "set", "fill", "flipX", "flipY", "transposed", "drawImage", "drawTransparentImage",
    "overlapsWith", "fillRect", "drawLine", "equals", "isReadOnly", "fillCircle", "blitRow",
    "blit", "_i2cTransaction", "_twinMessage", "spiSendImage", "gpio", "label", "mode",
    "capabilities", "value", "setMode", "fillRandom", "encrypt", "decrypt", "digest",
    "ledStripSend", "rotate", "register", "event", "action", "report", "type", "byCode",
]

const index = new Map(builtinStrings.map((s, i) => [s, i]))

/** Number of a built-in string, or undefined when the VM does not have it. */
export function builtinStringIndex(text: string): number | undefined {
    return index.get(text)
}

export const builtinObjects: readonly string[] = [
    "Math", "Object", "Object_prototype", "Array", "Array_prototype", "Buffer", "Buffer_prototype",
    "String", "String_prototype", "Number", "Number_prototype", "DsFiber", "DsFiber_prototype",
    "DsRole", "DsRole_prototype", "Function", "Function_prototype", "Boolean", "Boolean_prototype",
    "DsPacket", "DsPacket_prototype", "DeviceScript", "DsPacketInfo_prototype",
    "DsRegister_prototype", "DsCommand_prototype", "DsEvent_prototype", "DsReport_prototype",
    "Error", "Error_prototype", "TypeError", "TypeError_prototype", "RangeError",
    "RangeError_prototype", "SyntaxError", "SyntaxError_prototype", "JSON", "DsServiceSpec",
    "DsServiceSpec_prototype", "DsPacketSpec", "DsPacketSpec_prototype", "Image",
    "Image_prototype", "GPIO", "GPIO_prototype",
]
