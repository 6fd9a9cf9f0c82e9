//! The attributes of `scrubjay`, which has them under its own name and says
//! what they are for.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprCall, ExprPath, ItemFn, ReturnType, Token};

/// Checks a test for leaks: see `scrubjay::LeakCheck`, whose methods the
/// attribute takes as settings. It stands above the attribute that makes the
/// function a test, also an async one.
///
/// ```ignore
/// #[scrubjay::leak_check]
/// #[test]
/// fn nothing_is_left() { /* … */ }
///
/// #[scrubjay::leak_check(leaked_bytes(64), allow_site("lru::put", "the cache is bounded"))]
/// #[tokio::test]
/// async fn requests_are_forgotten() { /* … */ }
///
/// #[scrubjay::leak_check(suppressions("leaks.toml"))]
/// #[test]
/// fn what_is_known_may_stay() { /* … */ }
///
/// // Its body can run only once.
/// #[scrubjay::leak_check(once)]
/// #[test]
/// fn the_database_is_made() { /* … */ }
/// ```
#[proc_macro_attribute]
pub fn leak_check(settings: TokenStream, function: TokenStream) -> TokenStream {
    let checked = checked(settings.into(), function.into());
    checked.unwrap_or_else(syn::Error::into_compile_error).into()
}

fn checked(settings: Tokens, function: Tokens) -> syn::Result<Tokens> {
    let settings = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(settings)?;
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(function)?;
    let (mut calls, mut is_once) = (Vec::new(), false);
    for setting in settings {
        match setting {
            Expr::Path(ExprPath { path, .. }) if path.is_ident("once") => is_once = true,
            Expr::Call(ExprCall { func, args, .. }) => calls.push(quote!(.#func(#args))),
            other => {
                let told = "expected `once`, or a method of LeakCheck with its arguments";
                return Err(syn::Error::new(other.span(), told));
            }
        }
    }
    let name = &sig.ident;
    let check = quote! {
        ::scrubjay::LeakCheck::new()
            .name(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)))
            #(#calls)*
    };
    let output = match &sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, output) => quote!(#output),
    };
    // Where a body does not fit, the compiler shall show the body.
    let span = block.span();
    let run = match (sig.asyncness.is_some(), is_once) {
        (false, false) => quote_spanned!(span=> .test(|| -> #output #block)),
        (false, true) => quote_spanned!(span=> .test_once(move || -> #output #block)),
        (true, false) => quote_spanned!(span=> .test_async(async || -> #output #block).await),
        (true, true) => {
            quote_spanned!(span=> .test_async_once(async move || -> #output #block).await)
        }
    };
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #check #run
        }
    })
}
