from mcp import McpServer

server = McpServer(host='0.0.0.0', port=8080, api_key='YOUR_API_KEY')

@server.tool('calc.evaluate')
async def evaluate(args, context):
    result = eval(args['expression'])
    return {'result': result}

@server.resource('db.query')
async def query(params):
    import aiosqlite
    async with aiosqlite.connect('example.db') as db:
        async with db.execute(params['sql']) as cur:
            rows = await cur.fetchall()
            return {'rows': rows}

server.start()
