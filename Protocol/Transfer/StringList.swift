internal import CGatehouseCurl

/// A list of C strings in libcurl's form, owned by exactly one value.
@safe final class StringList {
    private(set) var head: UnsafeMutablePointer<curl_slist>?

    /// - Parameter lines: without NUL.
    init(_ lines: [String]) throws(TransferError) {
        for line in lines {
            // libcurl copies the text. When that fails, it leaves the list as it was, and deinit frees it.
            guard let longer = unsafe curl_slist_append(head, line) else {
                throw TransferError(kind: .internalFailure, message: "curl_slist_append is out of memory")
            }
            unsafe head = longer
        }
    }

    deinit { unsafe curl_slist_free_all(head) }
}
