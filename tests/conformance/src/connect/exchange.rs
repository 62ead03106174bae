//! How the suite and a program under test talk: messages on stdin and stdout, each behind its length.

use std::io;

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::pb::conformance::{ServerCompatRequest, ServerCompatResponse};

/// Reads a message; none at the end of the input.
///
/// # Errors
/// When the input cannot be read, or holds something else.
pub(super) async fn read<M: Message + Default>(
    input: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<M>> {
    let length = match input.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes).await?;
    Ok(Some(M::decode(&bytes[..])?))
}

/// Writes a message.
///
/// # Errors
/// When the output cannot be written.
pub(super) async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    message: &impl Message,
) -> io::Result<()> {
    let bytes = message.encode_to_vec();
    output.write_u32(bytes.len() as u32).await?;
    output.write_all(&bytes).await?;
    output.flush().await
}

/// Is the server under test: says where it listens, and serves until it is ended.
///
/// # Errors
/// When the suite does not ask for a server, or cannot be answered.
pub async fn serve() -> io::Result<()> {
    let request: Option<ServerCompatRequest> = read(&mut tokio::io::stdin()).await?;
    request.ok_or(io::ErrorKind::UnexpectedEof)?;
    let serving = crate::serve().await;
    let answer = ServerCompatResponse {
        host: serving.address().ip().to_string(),
        port: serving.address().port().into(),
    };
    write(&mut tokio::io::stdout(), &answer).await?;
    // The suite ends the program by a signal, or by closing its input.
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    std::future::pending().await
}
