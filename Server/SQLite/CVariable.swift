/// A variable that C code knows the address of: it stays in one place until nobody needs it.
@safe final class CVariable<Value> {
    let address = UnsafeMutablePointer<Value>.allocate(capacity: 1)

    init(_ value: Value) {
        unsafe address.initialize(to: value)
    }

    deinit {
        unsafe address.deinitialize(count: 1)
        unsafe address.deallocate()
    }

    var value: Value {
        get { unsafe address.pointee }
        set { unsafe address.pointee = newValue }
    }
}
