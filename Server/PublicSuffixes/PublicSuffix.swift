import CGatehousePSL

/// Names below which everybody can register one, such as `co.uk` and `github.io` (https://publicsuffix.org), as libpsl knows
/// them.
package enum PublicSuffix {
    /// - Parameter domain: ASCII in lower case, of two labels or more, without a dot at its end.
    package static func contains(_ domain: String) -> Bool {
        // Of the names that it does not know it takes those of one label for suffixes, which no domain of ours is.
        unsafe psl_is_public_suffix(psl_builtin(), domain) == 1
    }

    /// The name that somebody registered: `example.co.uk` for `a.b.example.co.uk`, and for itself. Nil for a public suffix.
    ///
    /// - Parameter domain: as above.
    package static func registered(_ domain: String) -> String? {
        unsafe domain.withCString { start in
            // It points into what it was given.
            unsafe psl_registrable_domain(psl_builtin(), start).map { unsafe String(cString: $0) }
        }
    }
}
