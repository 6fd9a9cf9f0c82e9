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

/// Profiles a function: its calls, what they allocated, what was live of that when
/// they ended (the increment), and their peak. See `scrubjay::profiles`.
///
/// Also for methods, generic functions (all of whose instances are one), and async
/// functions, which are measured from their first poll to their last, whichever thread
/// polls. What a function calls counts for it; a call within a call of the same
/// function counts for the outermost. A call that ends by a panic is a call. What the
/// function frees that was there before does not make its increment less. Other threads
/// count where a `scrubjay::Context` takes the work there.
///
/// ```ignore
/// #[scrubjay::profile]
/// fn load(path: &Path) -> io::Result<Model> { /* … */ }
/// ```
#[proc_macro_attribute]
pub fn profile(settings: TokenStream, function: TokenStream) -> TokenStream {
    let profiled = profiled(settings.into(), function.into());
    profiled.unwrap_or_else(syn::Error::into_compile_error).into()
}

fn profiled(settings: Tokens, function: Tokens) -> syn::Result<Tokens> {
    if !settings.is_empty() {
        return Err(syn::Error::new(settings.span(), "there is nothing to set"));
    }
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(function)?;
    if let Some(constness) = &sig.constness {
        return Err(syn::Error::new(constness.span(), "what runs in the compiler has no profile"));
    }
    let name = &sig.ident;
    let profiled = quote! {
        static PROFILED: ::scrubjay::Profiled = ::scrubjay::Profiled::new(
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
            ::core::file!(),
            ::core::line!(),
        );
    };
    // The body stays as it is, with its `return` and `?`, and all that it borrows.
    let body = if sig.asyncness.is_some() {
        let output = expected_output(&sig.output);
        quote!(PROFILED.run(async move { #output #block }).await)
    } else {
        let statements = &block.stmts;
        quote! {
            let _call = PROFILED.call();
            #(#statements)*
        }
    };
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #profiled
            #body
        }
    })
}

/// Has an async block know what it is to answer, which its `?` asks. A type that has
/// no name cannot be told, and need not be.
fn expected_output(output: &ReturnType) -> Tokens {
    match output {
        ReturnType::Type(_, output) if !has_no_name(output) => quote! {
            #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop)]
            if false {
                let output: #output = loop {};
                return output;
            }
        },
        _ => Tokens::new(),
    }
}

fn has_no_name(output: &syn::Type) -> bool {
    let words = quote!(#output).to_string();
    words.split(|character: char| !character.is_alphanumeric()).any(|word| word == "impl")
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
